"""Every operation on every channel, judged by the simulators' own books."""
