"""How any call, callback or notice gets worked: wake-ups, claims, leases, drains, the sweep.

Services call ``wake`` and ``reply``; ``orders.tasks`` calls ``drain`` and ``sweep``; nobody else
needs the rest. The engine knows rows that are due, never what an order is (docs/adr/0004).
"""
