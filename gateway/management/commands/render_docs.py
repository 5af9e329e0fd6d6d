"""Write the generated pages of docs/ anew: docs/states/ from the state machines, docs/channels.md
from what the channels declare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from orders import capabilities, states


class Command(BaseCommand):
    help = "Write docs/states/ from the state machines and docs/channels.md from the channels."
    requires_system_checks: list[str] = []

    def handle(self, **options: Any) -> None:
        folder = settings.BASE_DIR / "docs" / "states"
        folder.mkdir(parents=True, exist_ok=True)
        for name, model in states.MACHINES.items():
            self._write(folder / f"{name}.md", states.render(model))
        self._write(settings.BASE_DIR / "docs" / "channels.md", capabilities.render())

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text)
        self.stdout.write(str(path.relative_to(settings.BASE_DIR)))
