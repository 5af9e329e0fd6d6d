"""Registers every page of the console. Loaded once, when the orders app is ready."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, path

from orders.admin import (
    accounts,
    allocation,
    anomaly,
    apikeys,
    dashboard,
    groups,
    merchants,
    notices,
    pay,
    people,
    receivers,
    records,
    refund,
    returns,
    search,
    store,
    transfer,
)

__all__ = [
    "accounts",
    "allocation",
    "anomaly",
    "apikeys",
    "groups",
    "merchants",
    "notices",
    "pay",
    "people",
    "receivers",
    "records",
    "refund",
    "returns",
    "store",
    "transfer",
]


def _extra_urls() -> list[URLPattern]:
    wrap = admin.site.admin_view
    return [
        path("find/", wrap(search.find), name="find"),
        path("overview/", wrap(dashboard.live), name="overview"),
    ]


# unfold's site asks for these when it builds its addresses.
admin.site.extra_urls = _extra_urls
