"""The domain: orders, their state machines, the services that move them. The only tables."""
