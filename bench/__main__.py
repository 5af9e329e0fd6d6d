"""``python -m bench``: measure and print. ``manage.py bench`` starts it on fresh services."""

from __future__ import annotations

import os

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
    django.setup()
    from bench.run import main

    main()
