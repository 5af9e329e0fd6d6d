"""`manage.py demo`: make or refresh the demo house, for those who do not start it with `up`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from gateway import demo
from gateway.simulated import PROVIDERS


class Command(BaseCommand):
    """Refuses outside demo mode, and in a database that has other merchants."""

    help = "Two merchants, five people and channel accounts at the simulators."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where the simulators are; by default where the last `up` had them."""
        for name in PROVIDERS:
            parser.add_argument(
                f"--{name}-url", default="", help=f"base URL of the {name} simulator"
            )

    def handle(self, *args: Any, **options: Any) -> None:
        """Write it; the credentials come from `demo_credentials`."""
        if not settings.DEMO:
            raise CommandError("This is not a demo house: ZHANGFANG_DEMO=1 makes it one.")
        running = demo.run_facts(settings.HOME).get("simulators", {})
        urls = {name: options[f"{name}_url"] or running.get(name, "") for name in PROVIDERS}
        missing = [f"--{name}-url http://127.0.0.1:…" for name, url in urls.items() if not url]
        if missing:
            raise CommandError(f"Say where the simulators are: {' '.join(missing)}")
        try:
            demo.ensure(settings.HOME, simulators=urls)
        except demo.NotADemoHouse as error:
            raise CommandError(str(error)) from error
        self.stdout.write("The demo house stands; `manage.py demo_credentials` prints its keys.")
