"""`manage.py roles`: write the console's roles as groups."""

from __future__ import annotations

from typing import Any

from django.core.management import BaseCommand

from gateway import roles


class Command(BaseCommand):
    """Safe to run again; it resets the permissions of these groups, and touches no other."""

    help = "Write the roles auditor, support, finance and approver as groups."

    def handle(self, *args: Any, **options: Any) -> None:
        """Write them and say so."""
        roles.ensure()
        self.stdout.write(", ".join(roles.ROLES))
