"""Independent clients of the payment providers, driven against the simulators."""
