"""`manage.py demo_credentials`: the keys of the demo house as JSON, for scripts outside."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from gateway import demo


class Command(BaseCommand):
    """Reads files only, so it works beside a running house and needs no database."""

    help = "Print the demo's logins, API keys and simulator keys as JSON (demo mode only)."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """JSON on stdout, or a refusal and exit code 1."""
        try:
            known = demo.credentials(settings.HOME)
        except demo.NotADemoHouse as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(known, ensure_ascii=False, indent=2))
