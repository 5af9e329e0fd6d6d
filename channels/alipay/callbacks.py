"""Notifications (异步通知): checking them, and reading the facts in them. Pure.

The web process calls ``verify``, a worker calls ``open_notification``. Neither trusts the other:
both check the signature, for which public material is enough.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from urllib.parse import parse_qsl

from channels.alipay import pay, signing
from channels.alipay.account import Application, uses_certificates, verification_keys
from channels.alipay.answers import BadAnswer, expect, fen, moment, needed_text, text
from channels.base import (
    Account,
    CallbackFact,
    CallbackRejected,
    EncodeError,
    Outcome,
    RefundState,
    Result,
)

ACKNOWLEDGED = b"success"
"""Whatever is "不是success这7个字符" has it sent again, up to eight times in 25 hours."""
MAX_FIELDS = 100
TRADE = "trade_status_sync"


def verify(body: bytes, account: Account) -> str:
    """What tells this fact from every other, once its signature is proved.

    ``notify_id`` stays the same when a notification is repeated. Should two facts (a payment and
    its refunds) ever share one, they still differ in what is added here. Raises CallbackRejected.
    """
    form = _verified(body, account)
    notify_id = form.get("notify_id", "")
    if not notify_id:
        raise CallbackRejected("BAD_BODY", "no notify_id")
    fact = "\n".join(
        form.get(name, "")
        for name in ("trade_no", "trade_status", "out_biz_no", "refund_fee", "gmt_refund")
    )
    return f"{notify_id[:100]}-{hashlib.sha256(fact.encode()).hexdigest()[:16]}"


def open_notification(body: bytes, account: Account) -> CallbackFact:
    """Read a notification about a trade. Raises CallbackRejected."""
    form = _verified(body, account)
    if form.get("notify_type", TRADE) != TRADE:
        raise CallbackRejected("UNKNOWN_EVENT", f"notify_type {form['notify_type'][:64]!r}")
    try:
        application = Application.of(account)
        expect(form, "app_id", application.app_id)
        expect(form, "seller_id", application.seller_id)
        return _refund_fact(form) if _is_refund(form) else _pay_fact(form)
    except BadAnswer as error:
        raise CallbackRejected(error.code, error.message) from None
    except EncodeError as error:
        raise CallbackRejected("BAD_ACCOUNT", f"{error.field_name}: {error.message}") from None


# --- the signature ------------------------------------------------------------------------


def _verified(body: bytes, account: Account) -> dict[str, str]:
    form = _form(body)
    if form.get("sign_type") != signing.SIGN_TYPE:
        kind = form.get("sign_type", "")
        raise CallbackRejected("SIGNATURE_TYPE", f"sign_type {kind[:40]!r}")
    signature = form.get("sign", "")
    if not signature:
        raise CallbackRejected("NO_SIGNATURE", "no sign")
    try:
        known = verification_keys(account)
    except ValueError as error:
        raise CallbackRejected("BAD_ACCOUNT", f"verification keys: {error}") from None
    cert_sn = form.get("alipay_cert_sn", "")
    # A notification need not name the certificate; then each that the account holds may fit.
    names_none = uses_certificates(account.config) and not cert_sn
    try:
        candidates = list(known.values()) if names_none else [signing.key_for(known, cert_sn)]
    except signing.Unverified as error:
        raise CallbackRejected(error.code, error.message) from None
    message = signing.notify_string(form).encode()
    if not any(signing.fits(key, signature, message) for key in candidates):
        raise CallbackRejected("BAD_SIGNATURE", "the signature does not fit the fields")
    return form


def _form(body: bytes) -> dict[str, str]:
    """The fields, decoded once. Empty ones stay: they are signed too."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError:
        raise CallbackRejected("BAD_BODY", "no form of UTF-8 fields") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise CallbackRejected("BAD_BODY", "a field stands twice")
    return form


# --- the facts ----------------------------------------------------------------------------


def _is_refund(form: Mapping[str, str]) -> bool:
    """A refund is told as the trade's state again: TRADE_SUCCESS after a part, TRADE_CLOSED after
    the whole. It is no second payment, and no closing either."""
    return bool(
        form.get("gmt_refund")
        or fen(form, "refund_fee")
        or (form.get("trade_status") == "TRADE_CLOSED" and form.get("gmt_payment"))
    )


def _refund_fact(form: Mapping[str, str]) -> CallbackFact:
    """``out_biz_no`` is the refund's ``out_request_no``; ours always have one. A refund made
    without (in Alipay's own console, or by a cancel) has the order's number for its own, as
    documented for ``out_request_no``. ``refund_fee`` is the total of all refunds of the trade, so
    that the amount is for the refund query to say."""
    order_no = needed_text(form, "out_trade_no")
    number = text(form, "out_biz_no") or order_no
    result = Result(
        outcome=Outcome.DONE,
        state=RefundState.SUCCESS,
        out_no=number,
        finished_at=moment(form, "gmt_refund"),
        channel_status=needed_text(form, "trade_status"),
    )
    return CallbackFact(kind="refund", our_no=number, pay_order_no=order_no, result=result)


def _pay_fact(form: Mapping[str, str]) -> CallbackFact:
    result = pay.read_trade(form, paid_at="gmt_payment")
    return CallbackFact(kind="pay", our_no=needed_text(form, "out_trade_no"), result=result)


def answer(*, accepted: bool, message: str = "") -> tuple[int, str, bytes]:
    """Exactly ``success`` acknowledges; anything else makes Alipay send it again."""
    if accepted:
        return 200, "text/plain", ACKNOWLEDGED
    return 400, "text/plain", b"fail"
