"""The outside world: payment providers, their wires and their simulators.

No tables, no Django, and no knowledge of ``orders``: a channel turns a command into bytes and
bytes into one of five outcomes.
"""
