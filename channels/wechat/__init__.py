"""WeChat Pay API v3 for direct merchants (直连商户). ``channel.py`` is the way in."""
