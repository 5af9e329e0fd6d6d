"""Loopback servers that speak the payment providers' own wires and keep their own books.

For rehearsals, demos and tests. They check our requests, sign their answers and can be told to
misbehave. They never import a codec of ``channels`` (shared code hides symmetric mistakes), never
import Django or ``orders``, and never connect to anything but a loopback address.
"""
