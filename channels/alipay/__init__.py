"""Alipay OpenAPI (gateway.do, RSA2) for direct merchants. ``channel.py`` is the way in."""
