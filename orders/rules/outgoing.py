"""Rules of orders that send money out: refunds and transfers."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_noop as N_

from orders.rules.core import Rule, capabilities


def _resend_is_safe(refund: Any) -> bool:
    never_left = not refund.is_at_channel
    return capabilities(refund).refund_idempotent or refund.is_proved_absent or never_left


resend_is_safe = Rule(
    "resend_unsafe",
    _resend_is_safe,
    N_(
        "This channel may refund twice when asked twice. Sync first: "
        "a retry is possible once the channel says that it does not know the refund."
    ),
)
nothing_in_flight = Rule(
    "call_in_flight",
    lambda refund: refund.is_sending is False,
    N_("A request for this refund is on its way to the channel; wait for its result."),
)


def _transfer_resend_is_safe(transfer: Any) -> bool:
    never_left = not transfer.is_at_channel
    return capabilities(transfer).transfer_idempotent or transfer.is_proved_absent or never_left


transfer_resend_is_safe = Rule(
    "resend_unsafe",
    _transfer_resend_is_safe,
    N_(
        "This channel may pay twice when asked twice. Sync first: "
        "a retry is possible once the channel says that it does not know the transfer."
    ),
)
channel_cancels_transfers = Rule(
    "channel_cannot_cancel",
    lambda transfer: capabilities(transfer).transfer_cancel,
    N_("This channel cannot withdraw a transfer."),
)
not_withdrawing = Rule(
    "already_ending",
    lambda transfer: not transfer.is_cancelling,
    N_("A withdrawal was already asked for and is under way; its result is being awaited."),
)
payee_has_not_confirmed = Rule(
    "not_waiting_for_payee",
    lambda transfer: transfer.is_waiting_payee,
    N_("Only a transfer that waits for its payee's confirmation can be withdrawn."),
)
