"""Notifications: checking them with public keys, opening them with the APIv3 key.

The web process calls ``verify``, a worker calls ``open_notification``. Neither trusts the other:
``open_notification`` authenticates the content by AES-GCM and checks whose it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidTag

from channels.base import Account, CallbackFact, CallbackRejected, EncodeError, Outcome, Result
from channels.wechat import pay, refund, signing, transfer
from channels.wechat.account import Merchant, setting, verification_keys
from channels.wechat.answers import BadAnswer, expect, json_object, needed_text, text

ALGORITHM = "AEAD_AES_256_GCM"


def verify(headers: Mapping[str, str], body: bytes, account: Account, *, now: datetime) -> str:
    """The notification's id, once its signature over the raw body is proved."""
    if body.lstrip()[:5].lower() == b"<xml>":
        raise CallbackRejected(
            "V2_XML",
            "a v2 XML notification: a refund made in the merchant console, or the console's own "
            "notification address is set; it cannot be verified here, the sync will find it",
        )
    try:
        keys = verification_keys(account)
    except ValueError as error:
        raise CallbackRejected("BAD_ACCOUNT", f"verification keys: {error}") from None
    try:
        signing.verify(headers, body, keys, now=now)
    except signing.Unverified as error:
        raise CallbackRejected(error.code, error.message, alarm=error.alarm) from None
    try:
        return needed_text(json_object(body), "id")
    except BadAnswer as error:
        raise CallbackRejected("BAD_BODY", error.message) from None


def open_notification(body: bytes, account: Account) -> CallbackFact:
    """Decrypt and read. The caller has verified the signature before."""
    try:
        envelope = json_object(body)
        event = needed_text(envelope, "event_type")
        data = _decrypt(envelope, setting(account.secrets, "apiv3_key"))
        merchant = Merchant.of(account)
        if event.startswith("TRANSACTION."):
            result, number, order_no = _payment(data, merchant)
            kind = "pay"
        elif event.startswith("REFUND."):
            result, number, order_no = _refund(data, merchant)
            kind = "refund"
        elif event.startswith("MCHTRANSFER.BILL."):
            result, number = _transfer(data, account, merchant)
            kind, order_no = "transfer", ""
        elif event.startswith("PROFITSHARING."):
            # They go to the receiver, never to who shares: we were given money from an order of
            # another merchant, and no order here speaks of it.
            raise CallbackRejected(
                "NOT_OURS", "a share that we received from another merchant's order", alarm=False
            )
        else:
            raise CallbackRejected("UNKNOWN_EVENT", f"event_type {event[:64]!r}")
    except BadAnswer as error:
        raise CallbackRejected(error.code, error.message) from None
    except EncodeError as error:
        raise CallbackRejected("BAD_ACCOUNT", f"{error.field_name}: {error.message}") from None
    return CallbackFact(kind=kind, our_no=number, pay_order_no=order_no, result=result)


def _decrypt(envelope: Mapping[str, Any], apiv3_key: str) -> dict[str, Any]:
    if not apiv3_key:
        raise CallbackRejected("NO_APIV3_KEY", "this process has no APIv3 key to open it with")
    resource = envelope.get("resource")
    if not isinstance(resource, dict) or resource.get("algorithm") != ALGORITHM:
        raise CallbackRejected("BAD_BODY", f"no resource encrypted with {ALGORITHM}")
    try:
        opened = signing.decrypt(
            apiv3_key,
            nonce=text(resource, "nonce"),
            associated_data=text(resource, "associated_data"),
            ciphertext=text(resource, "ciphertext"),
        )
    except InvalidTag:
        raise CallbackRejected(
            "APIV3_KEY_MISMATCH",
            "the signature is right but the content does not open: the APIv3 key was reset in "
            "the merchant console and must be entered in this channel account",
        ) from None
    except ValueError as error:
        raise CallbackRejected("BAD_BODY", f"resource cannot be decrypted: {error}") from None
    return json_object(opened)


def _payment(data: Mapping[str, Any], merchant: Merchant) -> tuple[Result, str, str]:
    expect(data, "mchid", merchant.mchid)
    expect(data, "appid", merchant.appid)
    return pay.read_transaction(data), needed_text(data, "out_trade_no"), ""


def _refund(data: Mapping[str, Any], merchant: Merchant) -> tuple[Result, str, str]:
    """The member is ``refund_status`` here and ``status`` in an answer; there is no appid."""
    expect(data, "mchid", merchant.mchid)
    result = refund.read_refund(data, status="refund_status", while_working=Outcome.DONE)
    return result, needed_text(data, "out_refund_no"), text(data, "out_trade_no")


def _transfer(data: Mapping[str, Any], account: Account, merchant: Merchant) -> tuple[Result, str]:
    """The page says ``mch_id``, its sample ``mchid``."""
    expect(data, "mch_id" if "mch_id" in data else "mchid", merchant.mchid)
    result = transfer.read_bill(data, account, while_working=Outcome.DONE)
    return result, needed_text(data, "out_bill_no")


def answer(*, accepted: bool, message: str = "") -> tuple[int, str, bytes]:
    """204 acknowledges; anything of 4xx or 5xx makes WeChat Pay send it again (15 times)."""
    if accepted:
        return 204, "application/json", b""
    body = json.dumps({"code": "FAIL", "message": message}, ensure_ascii=False).encode()
    return 400, "application/json", body
