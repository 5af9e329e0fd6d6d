#!/usr/bin/env python
"""The command line of the house; `manage.py help` lists the commands."""

import os
import sys


def main() -> None:
    """Hand the command line to Django."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
    if sys.argv[1:2] == ["up"]:
        # `up` is a rehearsal unless somebody says otherwise; settings ask before any command runs.
        os.environ.setdefault("ZHANGFANG_DEMO", "1")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
