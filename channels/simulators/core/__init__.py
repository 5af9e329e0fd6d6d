"""What all simulators share: server, clock, faults, store and book, callbacks, page, controls.

Only ``channels.simulators.<provider>`` may import it. It knows no provider.
"""
