"""The console's words for what the house writes as codes: events, doors, methods, notices.

English message ids; ``locale/`` holds the Chinese. A code without a word is shown as it stands.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

EVENTS: dict[str, tuple[Any, str, str]] = {
    # kind: (sentence, icon, tone)
    "created": (_("Order placed"), "add_circle", "mute"),
    "held": (_("The channel holds the order"), "hourglass_top", "busy"),
    "placed_again": (_("Placed at the channel again"), "replay", "mute"),
    "place_not_sent": (_("Placing did not reach the channel"), "cloud_off", "warn"),
    "place_unknown": (_("Placing ended without an answer"), "help", "warn"),
    "place_refused": (_("The channel refused to place it"), "block", "warn"),
    "paid": (_("Paid"), "check_circle", "good"),
    "closed": (_("Closed"), "cancel", "mute"),
    "cancelled": (_("Cancelled"), "cancel", "mute"),
    "failed": (_("Failed"), "error", "bad"),
    "expired": (_("Time to pay ran out"), "timer_off", "mute"),
    "close_requested": (_("Close asked for"), "do_not_disturb_on", "mute"),
    "cancel_requested": (_("Cancel asked for"), "do_not_disturb_on", "mute"),
    "close_refused": (_("The channel refused to close it"), "block", "warn"),
    "cancel_refused": (_("The channel refused to cancel it"), "block", "warn"),
    "sync_requested": (_("Sync asked for"), "sync", "mute"),
    "refund_requested": (_("Refund asked for"), "undo", "busy"),
    "refund_accepted": (_("The channel accepted the refund"), "hourglass_top", "busy"),
    "refund_not_sent": (_("The refund did not reach the channel"), "cloud_off", "warn"),
    "refund_unknown": (_("The refund ended without an answer"), "help", "warn"),
    "refund_pending": (_("The channel is working on the refund"), "hourglass_top", "busy"),
    "refund_refused": (_("The channel refused the refund"), "block", "bad"),
    "refund_sent_again": (_("The refund is sent again"), "replay", "mute"),
    "refunded": (_("Refunded"), "check_circle", "good"),
    "refund_failed": (_("Refund failed"), "error", "bad"),
    "refund_closed": (_("Refund closed; its amount can be refunded again"), "cancel", "mute"),
    "retry_requested": (_("Retry asked for"), "replay", "mute"),
    "anomaly": (_("Became an anomaly"), "emergency_home", "bad"),
    "paid_late": (_("Late payment taken in"), "check_circle", "good"),
    "anomaly_ignored": (_("Anomaly ignored"), "do_not_disturb_on", "mute"),
    "notice_replayed": (_("Notice sent again by hand"), "replay", "mute"),
    "transfer_requested": (_("Transfer asked for"), "add_circle", "mute"),
    "transfer_accepted": (_("The channel accepted the transfer"), "hourglass_top", "busy"),
    "transfer_not_sent": (_("The transfer did not reach the channel"), "cloud_off", "warn"),
    "transfer_unknown": (_("The transfer ended without an answer"), "help", "warn"),
    "transfer_refused": (_("The channel refused the transfer after a doubt"), "help", "warn"),
    "transfer_sent_again": (_("The transfer is sent again"), "replay", "mute"),
    "waits_for_payee": (_("The payee has to confirm"), "hourglass_top", "warn"),
    "transferred": (_("Transferred"), "check_circle", "good"),
    "transfer_failed": (_("Transfer failed"), "error", "bad"),
    "transfer_closed": (_("Transfer closed"), "cancel", "mute"),
    "payee_shown": (_("The payee was shown in plain"), "visibility", "warn"),
    "allocation_requested": (_("Sharing asked for"), "call_split", "busy"),
    "allocation_accepted": (_("The channel accepted the sharing"), "hourglass_top", "busy"),
    "allocation_not_sent": (_("The sharing did not reach the channel"), "cloud_off", "warn"),
    "allocation_unknown": (_("The sharing ended without an answer"), "help", "warn"),
    "allocation_refused": (_("The channel refused the sharing after a doubt"), "help", "warn"),
    "allocation_sent_again": (_("The sharing is sent again"), "replay", "mute"),
    "allocation_failed": (_("Sharing failed"), "error", "bad"),
    "auto_allocation_refused": (_("Not shared by itself"), "block", "warn"),
    "shared": (_("Shared"), "check_circle", "good"),
    "finish_requested": (_("Finishing asked for"), "task_alt", "mute"),
    "finished": (_("Sharing finished; the rest is free"), "task_alt", "good"),
    "finish_failed": (_("Finishing failed"), "error", "bad"),
    "return_requested": (_("Return of a share asked for"), "keyboard_return", "busy"),
    "return_accepted": (_("The channel accepted the return"), "hourglass_top", "busy"),
    "return_not_sent": (_("The return did not reach the channel"), "cloud_off", "warn"),
    "return_unknown": (_("The return ended without an answer"), "help", "warn"),
    "return_refused": (_("The channel refused the return after a doubt"), "help", "warn"),
    "return_sent_again": (_("The return is sent again"), "replay", "mute"),
    "returned": (_("Share returned"), "check_circle", "good"),
    "return_failed": (_("Return failed"), "error", "bad"),
    "return_closed": (_("Return closed"), "cancel", "mute"),
    "store_created": (_("Store order placed"), "add_circle", "mute"),
    "store_payment": (_("Another payment was begun"), "payments", "busy"),
    "store_paid": (_("Paid; the shop has to accept it"), "check_circle", "good"),
    "store_paid_late": (_("Paid after it was cancelled"), "warning", "warn"),
    "store_accepted": (_("Accepted by the shop"), "check", "busy"),
    "store_rejected": (_("Rejected by the shop"), "block", "warn"),
    "store_made": (pgettext_lazy("store order", "Made"), "done", "busy"),
    "store_delivering": (_("Handed to the courier"), "navigation", "busy"),
    "store_completed": (pgettext_lazy("store order", "Completed"), "task_alt", "good"),
    "store_cancelled": (pgettext_lazy("store order", "Cancelled"), "cancel", "mute"),
    "store_partly_refunded": (_("Part of the money went back"), "undo", "mute"),
    "store_reminded": (_("The merchant was reminded"), "notifications", "warn"),
    "store_refund_asked": (_("A refund waits for a decision"), "help", "warn"),
    "store_refund_refused": (_("The shop refused the refund"), "block", "mute"),
    "store_refund_refunding": (_("The money is going back"), "undo", "busy"),
    "store_refund_done": (_("The money went back"), "check_circle", "good"),
    "store_refund_withdrawn": (_("The refund is no longer asked for"), "redo", "mute"),
    "receiver_added": (_("Receiver added"), "add_circle", "mute"),
    "receiver_corrected": (_("Receiver corrected"), "edit", "mute"),
    "bind_requested": (_("Binding asked for"), "link", "busy"),
    "unbind_requested": (_("Unbinding asked for"), "link_off", "busy"),
    "bound": (_("Bound at the channel"), "check_circle", "good"),
    "unbound": (_("No longer bound at the channel"), "link_off", "mute"),
    "bind_failed": (_("Binding failed"), "error", "bad"),
    "unbind_failed": (_("Unbinding failed"), "error", "bad"),
}

DOORS: dict[str, Any] = {
    "api": _("API"),
    "daxpay": "DaxPay",
    "daxpay_g3": "DaxPay G3",
    "minapp": "知晓云",
    "kaigedian": "开个店",
    "admin": _("console"),
    "clock": _("clock"),
    "channel": pgettext_lazy("where a change comes from", "channel"),
}

METHODS: dict[str, Any] = {
    "native": _("QR code"),
    "jsapi": _("in-app page"),
    "h5": _("mobile page"),
    "app": _("app"),
    "page": _("desktop page"),
    "wap": _("mobile page"),
    "barcode": _("payment code"),
}

NOTICES: dict[str, Any] = {
    "pay_order.success": _("paid"),
    "pay_order.closed": _("closed"),
    "pay_order.cancelled": _("cancelled"),
    "pay_order.failed": _("failed"),
    "refund.success": _("refunded"),
    "refund.failed": _("refund failed"),
    "refund.closed": _("refund closed"),
    "transfer.waiting": _("waits for the payee"),
    "transfer.success": _("transferred"),
    "transfer.failed": _("transfer failed"),
    "transfer.closed": _("transfer closed"),
    "allocation.all_success": _("all shares succeeded"),
    "allocation.part_success": _("some shares succeeded"),
    "allocation.all_failed": _("all shares failed"),
    "allocation.finished": _("sharing finished"),
    "return.success": _("share returned"),
    "return.failed": _("return failed"),
    "return.closed": _("return closed"),
    "store_order.paid": _("new store order"),
    "store_order.accepted": pgettext_lazy("store order", "accepted"),
    "store_order.rejected": pgettext_lazy("store order", "rejected"),
    "store_order.made": pgettext_lazy("store order", "made"),
    "store_order.delivering": pgettext_lazy("store order", "being delivered"),
    "store_order.completed": pgettext_lazy("store order", "completed"),
    "store_order.cancelled": pgettext_lazy("store order", "cancelled"),
    "store_order.refund_asked": _("refund asked for"),
    "store_order.refund_refused": _("refund refused"),
    "store_order.refund_refunding": _("refunding"),
    "store_order.refund_done": _("refunded"),
    "store_order.refund_withdrawn": _("refund no longer asked for"),
    "store_order.reminder": _("reminder"),
    "notice.test": _("for trying"),
}

OPERATION_ICONS = {
    "close": "do_not_disturb_on",
    "cancel": "cancel",
    "sync": "sync",
    "refund": "undo",
    "retry": "replay",
    "confirm": "check_circle",
    "refund_payment": "undo",
    "ignore": "visibility_off",
    "allocate": "call_split",
    "finish": "task_alt",
    "return": "keyboard_return",
    "return_refund": "keyboard_return",
    "bind": "link",
    "unbind": "link_off",
    "see_payee": "visibility",
    "mark_paid": "payments",
    "accept": "check",
    "reject": "block",
    "made": "done",
    "deliver": "navigation",
    "complete": "task_alt",
    "request_refund": "undo",
    "withdraw_refund": "redo",
    "agree_refund": "check_circle",
    "refuse_refund": "do_not_disturb_on",
    "cancel_after_sale": "keyboard_return",
}


def event(kind: str) -> tuple[Any, str, str]:
    return EVENTS.get(kind, (kind, "history", "mute"))


def door(code: str) -> Any:
    return DOORS.get(code, code)


def method(code: str) -> Any:
    return METHODS.get(code, code)


def notice(kind: str) -> Any:
    return NOTICES.get(kind, kind)
