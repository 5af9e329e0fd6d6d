"""The roles of the console as Django groups; `manage.py roles` writes them.

A role says which operations a person may ask for; whether an order allows one of them is the
business of `orders.rules`.
"""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission

_SUPPORT = {
    "sync_payorder",
    "sync_refundorder",
    "sync_transferorder",
    "sync_allocationorder",
    "sync_sharereturn",
    "sync_storeorder",
    "handle_storeorder",
    "replay_merchantnotice",
}
_FINANCE = _SUPPORT | {
    "close_payorder",
    "cancel_payorder",
    "refund_payorder",
    "retry_refundorder",
    "close_refundorder",
    "decide_anomaly",
    "add_transferorder",
    "retry_transferorder",
    "cancel_transferorder",
    "close_transferorder",
    "see_payee_transferorder",
    "allocate_payorder",
    "retry_allocationorder",
    "finish_allocationorder",
    "return_allocationdetail",
    "cancel_storeorder",
    "refund_storeorder",
    "retry_sharereturn",
    "close_sharereturn",
    "add_allocationreceiver",
    "bind_allocationreceiver",
    "unbind_allocationreceiver",
    "add_allocationgroup",
    "change_allocationgroup",
}

ROLES: dict[str, set[str]] = {
    "auditor": set(),
    "support": _SUPPORT,
    "finance": _FINANCE,
    "approver": {"decide_anomaly"},
}
"""Beyond reading everything, which all of them may."""


def ensure() -> None:
    """Write the groups as they stand here. Fails when a permission does not exist."""
    permissions = {
        p.codename: p for p in Permission.objects.filter(content_type__app_label="orders")
    }
    reading = [p for name, p in permissions.items() if name.startswith("view_")]
    for name, operations in ROLES.items():
        group, _created = Group.objects.get_or_create(name=name)
        group.permissions.set([*reading, *(permissions[codename] for codename in operations)])
