"""`manage.py bench`: speed as ratios, on services and a database that live only for it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from gateway import embedded


class Command(BaseCommand):
    """Starts fresh embedded services, runs `python -m bench` on them, and removes them."""

    help = (
        "Measure orders, callbacks and channel calls per second against plain inserts, and the "
        "signing and reading of each call against one RSA signature; and whether a dead merchant "
        "delays another one's notices."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """The data of this checkout is not touched: the bench has a directory of its own."""
        home = Path(tempfile.mkdtemp(prefix="zhangfang-bench-"))
        (home / "static").mkdir()  # whitenoise warns about a missing one
        services = embedded.start(home)
        environment = {
            **os.environ,
            "ZHANGFANG_HOME": str(home),
            "ZHANGFANG_DEMO": "1",
            "ZHANGFANG_LOG_LEVEL": "ERROR",
            "DATABASE_URL": embedded.database_url(home),
            "REDIS_URL": embedded.redis_url(home),
        }
        try:
            done = subprocess.run(
                [sys.executable, "-m", "bench"], cwd=settings.BASE_DIR, env=environment, check=False
            )
        finally:
            services.stop()
            embedded.remove(home)
        if done.returncode:
            raise CommandError("the bench did not finish")
