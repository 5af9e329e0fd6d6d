"""``/hserve/…``: the order API of 知晓云 (MinApp BaaS). Translates; holds no rule about orders."""
