"""The UNFOLD setting: names, colours' source, scripts and the sidebar.

Read by ``gateway.settings`` before models can be imported: imports no model, asks no database.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def _mark(_request: HttpRequest) -> str:
    return static("console/mark.svg")


def _styles(_request: HttpRequest) -> str:
    return static("console/console.css")


def _script(_request: HttpRequest) -> str:
    return static("console/console.js")


def _no_inline_colours(_request: HttpRequest) -> dict[str, Any]:
    """unfold writes COLORS into an inline ``<style>``. Ours stand in console.css, so that the
    Content-Security-Policy needs no hash and allows no inline style sheet at all."""
    return {}


def _item(title: Any, icon: str, name: str, permission: str = "") -> dict[str, Any]:
    item: dict[str, Any] = {"title": title, "icon": icon, "link": reverse_lazy(name)}
    if permission:
        item["permission"] = lambda request: request.user.has_perm(permission)
    return item


def _table(title: Any, icon: str, model: str, app: str = "orders") -> dict[str, Any]:
    return _item(title, icon, f"admin:{app}_{model}_changelist", f"{app}.view_{model}")


NAVIGATION = [
    {
        "title": _("Orders"),
        "items": [
            _item(_("Overview"), "space_dashboard", "admin:index"),
            _table(_("Pay orders"), "payments", "payorder"),
            _table(_("Refunds"), "undo", "refundorder"),
            _table(_("Transfers"), "send_money", "transferorder"),
            _table(_("Store orders"), "store", "storeorder"),
            _table(_("Anomalies"), "emergency_home", "anomaly"),
        ],
    },
    {
        "title": _("Profit sharing"),
        "items": [
            _table(_("Allocations"), "call_split", "allocationorder"),
            _table(_("Share returns"), "keyboard_return", "sharereturn"),
            _table(_("Receivers"), "person", "allocationreceiver"),
            _table(_("Allocation groups"), "groups", "allocationgroup"),
        ],
    },
    {
        "title": _("Money"),
        "items": [_table(_("Ledger"), "menu_book", "ledgerentry")],
    },
    {
        "title": _("Channels"),
        "items": [
            _table(_("Channel accounts"), "account_balance", "channelaccount"),
            _table(_("Channel calls"), "swap_horiz", "channelcall"),
            _table(_("Callbacks"), "call_received", "channelcallback"),
        ],
    },
    {
        "title": _("Merchants"),
        "items": [
            _table(_("Merchants"), "storefront", "merchant"),
            _table(_("Applications"), "apps", "application"),
            _table(_("API keys"), "key", "apikey"),
            _table(_("Merchant notices"), "notifications", "merchantnotice"),
        ],
    },
    {
        "title": _("System"),
        "items": [
            _table(_("Events"), "history", "event"),
            _table(_("Schedules"), "schedule", "periodictask", "django_celery_beat"),
            _table(_("Users"), "person", "user", "auth"),
            _table(_("Roles"), "group", "group", "auth"),
        ],
    },
]

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": _("Zhangfang"),
    "SITE_HEADER": _("Zhangfang"),
    "SITE_SUBHEADER": _("The counting-house of payment orders"),
    "SITE_URL": None,
    "SITE_ICON": _mark,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _mark}],
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "COLORS": _no_inline_colours,
    "BORDER_RADIUS": None,
    "STYLES": [_styles],
    "SCRIPTS": [_script],
    "DASHBOARD_CALLBACK": "orders.admin.dashboard.context",
    "COMMAND": {"search_callback": "orders.admin.search.palette"},
    "SIDEBAR": {"show_search": True, "command_search": True, "navigation": NAVIGATION},
}
