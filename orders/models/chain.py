"""The head of an event chain: the one row under whose lock a family of orders is changed."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

GENESIS = "0" * 64


class Chained(models.Model):
    """Whoever appends an event holds this row's lock, so the chain needs no lock of its own, and
    its head is the version of everything that the family's page shows."""

    event_seq = models.PositiveIntegerField(default=0, editable=False)
    event_hash = models.CharField(max_length=64, default=GENESIS, editable=False)
    frozen_reason = models.CharField(_("frozen"), max_length=256, blank=True, default="")

    class Meta:
        abstract = True
