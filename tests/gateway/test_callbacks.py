"""The channels' door: verified notifications are stored once, everything else leaves no trace.

The provider's side is played by the test itself, with its own key and its own signing.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from gateway import callbacks
from orders.models import ChannelAccount, ChannelCallback, PayOrder, WorkState
from orders.services import callbacks as services
from orders.services import pay
from tests import cast

pytestmark = pytest.mark.django_db

PATH = "/callback/wechat/wx-a/"
KEY_ID = "PUB_KEY_ID_0114232134912410000000000000"
APIV3_KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def provider_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def house(db: None) -> cast.House:
    return cast.merchant("A")


@pytest.fixture(autouse=True)
def account(house: cast.House, provider_key: rsa.RSAPrivateKey) -> ChannelAccount:
    public = provider_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    row = ChannelAccount(
        merchant=house.merchant, channel="wechat", code="wx-a", name="WeChat",
        config={"mchid": "1900000001", "appid": "wx0001", "merchant_serial": "5157F09EFDC096DE",
                "public_key_id": KEY_ID, "public_key_pem": public.decode()},
    )  # fmt: skip
    row.secrets = {"apiv3_key": APIV3_KEY}
    row.save()
    return row


@pytest.fixture(autouse=True)
def fresh_quota(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(callbacks, "_quota", callbacks.LogQuota(3))
    yield


def notification(order_no: str = "P1", *, amount: int = 10000, id: str = "EV-1") -> bytes:
    """A TRANSACTION.SUCCESS as WeChat Pay writes it, encrypted with the APIv3 key."""
    transaction = {
        "mchid": "1900000001", "appid": "wx0001", "out_trade_no": order_no,
        "transaction_id": "4200001", "trade_type": "NATIVE", "trade_state": "SUCCESS",
        "trade_state_desc": "paid", "bank_type": "CFT", "success_time": "2026-11-20T18:00:00+08:00",
        "payer": {"openid": "o-1"},
        "amount": {"total": amount, "payer_total": amount, "currency": "CNY",
                   "payer_currency": "CNY"},
    }  # fmt: skip
    nonce, associated = "abcdefghijkl", "transaction"
    sealed = AESGCM(APIV3_KEY.encode()).encrypt(
        nonce.encode(), json.dumps(transaction).encode(), associated.encode()
    )
    resource = {
        "algorithm": "AEAD_AES_256_GCM", "original_type": "transaction", "nonce": nonce,
        "associated_data": associated, "ciphertext": base64.b64encode(sealed).decode(),
    }  # fmt: skip
    envelope = {
        "id": id, "create_time": "2026-11-20T18:00:00+08:00", "resource_type": "encrypt-resource",
        "event_type": "TRANSACTION.SUCCESS", "summary": "支付成功", "resource": resource,
    }  # fmt: skip
    return json.dumps(envelope, ensure_ascii=False).encode()


def signed(key: rsa.RSAPrivateKey, body: bytes, *, age: int = 0) -> dict[str, str]:
    timestamp = str(int(timezone.now().timestamp()) - age)
    message = f"{timestamp}\nnonce-1\n".encode() + body + b"\n"
    return {
        "wechatpay-timestamp": timestamp,
        "wechatpay-nonce": "nonce-1",
        "wechatpay-serial": KEY_ID,
        "wechatpay-signature": base64.b64encode(key.sign(message, PKCS1v15(), SHA256())).decode(),
    }


def send(body: bytes, headers: dict[str, str], path: str = PATH) -> HttpResponse:
    return Client(enforce_csrf_checks=True).post(
        path, body, content_type="application/json", headers=headers
    )


def refused(response: HttpResponse, code: str) -> None:
    """The channel's own refusal, and nothing in the inbox."""
    assert response.status_code == 400
    assert json.loads(response.content) == {"code": "FAIL", "message": code}
    assert ChannelCallback.objects.count() == 0


def test_a_verified_notification_is_stored_and_acknowledged(account, provider_key):
    body = notification()
    response = send(body, {**signed(provider_key, body), "x-request-id": "given-by-them"})
    assert (response.status_code, response.content) == (204, b"")
    row = ChannelCallback.objects.get()
    assert (row.account, row.notification_id, row.state) == (account, "EV-1", WorkState.DUE)
    assert row.body.encode() == body
    assert row.request_id == "given-by-them"
    assert "Set-Cookie" not in response


def test_what_was_stored_is_opened_and_pays_the_order(house, provider_key):
    given = cast.new_order(channel="wechat", biz_order_no="SO-1")
    order = pay.request_pay(house.application, given, cast.MERCHANT_ACTOR)
    body = notification(order.order_no)
    assert send(body, signed(provider_key, body)).status_code == 204
    row = ChannelCallback.objects.get()
    ChannelCallback.objects.filter(pk=row.pk).update(state=WorkState.OUT, attempt=1)
    services.settle([(row.pk, 1)])
    assert cast.reload(order).status == "success"
    assert cast.reload(row).result == "applied"


def test_a_replayed_notification_is_acknowledged_and_counted_and_stored_once(provider_key):
    body = notification()
    headers = signed(provider_key, body)
    assert [send(body, headers).status_code for _ in range(3)] == [204, 204, 204]
    assert ChannelCallback.objects.get().deliveries == 3


def test_an_account_that_is_switched_off_is_still_told(account, provider_key):
    account.is_active = False
    account.save()
    body = notification()
    assert send(body, signed(provider_key, body)).status_code == 204
    assert ChannelCallback.objects.count() == 1


def test_the_web_process_needs_no_secret_to_check_it(account, provider_key, monkeypatch):
    monkeypatch.setattr(
        ChannelAccount, "secrets", property(lambda _self: pytest.fail("a secret was read"))
    )
    body = notification()
    assert send(body, signed(provider_key, body)).status_code == 204


def test_a_lost_redis_does_not_lose_it(provider_key, settings, django_capture_on_commit_callbacks):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    body = notification()
    with django_capture_on_commit_callbacks(execute=True) as wakes:
        response = send(body, signed(provider_key, body))
    assert len(wakes) == 1
    assert response.status_code == 204
    assert ChannelCallback.objects.get().state == WorkState.DUE


@pytest.mark.parametrize("where", ["lookup", "store"])
def test_without_a_database_it_is_500_so_that_the_provider_tells_us_again(
    provider_key, monkeypatch, caplog, where
):
    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise OperationalError("the connection is closed")

    body = notification()
    headers = signed(provider_key, body)
    if where == "lookup":
        monkeypatch.setattr(ChannelAccount.objects, "defer", fail)
    else:
        monkeypatch.setattr(services, "receive", fail)
    response = send(body, headers)
    assert response.status_code == 500
    assert b"connection" not in response.content
    assert "could not be taken" in caplog.text
    monkeypatch.undo()
    assert ChannelCallback.objects.count() == 0
    assert send(body, headers).status_code == 204


# --- what is not believed -----------------------------------------------------------------------


def test_a_forged_body_is_refused(provider_key):
    body = notification()
    refused(send(body.replace(b"EV-1", b"EV-2"), signed(provider_key, body)), "BAD_SIGNATURE")


def test_a_strangers_key_is_refused():
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    body = notification()
    refused(send(body, signed(stranger, body)), "BAD_SIGNATURE")


@pytest.mark.parametrize("age", [301, -301, 86400])
def test_a_stale_time_is_refused(provider_key, age):
    body = notification()
    refused(send(body, signed(provider_key, body, age=age)), "STALE")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"wechatpay-signature": None}, "MISSING_HEADERS"),
        ({"wechatpay-timestamp": None}, "MISSING_HEADERS"),
        ({"wechatpay-nonce": None}, "MISSING_HEADERS"),
        ({"wechatpay-serial": None}, "MISSING_HEADERS"),
        ({"wechatpay-serial": "0000"}, "UNKNOWN_SERIAL"),
        ({"wechatpay-serial": "é'; DROP TABLE--"}, "UNKNOWN_SERIAL"),
        ({"wechatpay-signature": "not base64 !"}, "BAD_SIGNATURE"),
        ({"wechatpay-signature": "WECHATPAY/SIGNTEST/abc"}, "SIGNTEST"),
        ({"wechatpay-timestamp": "soon"}, "STALE"),
        ({"wechatpay-timestamp": "9" * 400}, "STALE"),
        ({"wechatpay-nonce": "other"}, "BAD_SIGNATURE"),
    ],
)
def test_wrong_headers_are_refused(provider_key, changed, code):
    body = notification()
    headers = {**signed(provider_key, body), **changed}
    refused(send(body, {name: value for name, value in headers.items() if value is not None}), code)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "BAD_BODY"),
        (b"{", "BAD_BODY"),
        (b"[]", "BAD_BODY"),
        (b"{}", "BAD_BODY"),
        (b'{"id": 5}', "BAD_BODY"),
        (b"\xff\xfe\x00", "BAD_BODY"),
        (b'{"id": "EV-1", "x": "\xc3\x28"}', "BAD_BODY"),
        (b'{"id": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "BAD_BODY"),
        (b"<xml><return_code>SUCCESS</return_code></xml>", "V2_XML"),
    ],
)
def test_an_unreadable_body_is_refused_even_with_a_right_signature(provider_key, body, code):
    refused(send(body, signed(provider_key, body)), code)


def test_a_nul_character_is_refused_even_with_a_right_signature(provider_key, monkeypatch):
    """PostgreSQL cannot store it; a channel whose bodies are not JSON could let it through."""
    body = b'{"id": "EV-1"}\x00'
    headers = signed(provider_key, body)
    channel = type(callbacks.registry.get("wechat"))
    monkeypatch.setattr(channel, "verify_callback", lambda *_args, **_kwargs: "EV-1")
    refused(send(body, headers), "BAD_BODY")


def test_an_oversize_body_is_413_and_not_read(provider_key):
    body = b"x" * (1024 * 1024 + 1)
    assert send(body, {}).status_code == 413
    assert ChannelCallback.objects.count() == 0


def test_a_channel_without_callbacks_refuses_them(house):
    response = send(b"{}", {}, f"/callback/sandbox/{house.account.code}/")
    assert response.status_code == 400
    assert ChannelCallback.objects.count() == 0


@pytest.mark.parametrize(
    "path",
    ["/callback/wechat/nobody/", "/callback/paypal/wx-a/", "/callback/sandbox/wx-a/",
     "/callback/wechat/wx-a", "/callback/wechat/%00/", "/callback/wechat/a%2Fb/", "/callback/"],
)  # fmt: skip
def test_an_unknown_account_or_channel_is_404(provider_key, path):
    body = notification()
    assert send(body, signed(provider_key, body), path).status_code == 404
    assert ChannelCallback.objects.count() == 0


@pytest.mark.parametrize("method", ["get", "put", "delete", "head"])
def test_only_post_is_taken(method):
    response = getattr(Client(), method)(PATH)
    assert response.status_code == 405
    assert response["Allow"] == "POST"


def test_another_merchants_account_key_opens_nothing_here(provider_key):
    """The address says which account; its keys alone count."""
    other = cast.merchant("B")
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = stranger.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    ChannelAccount.objects.create(
        merchant=other.merchant, channel="wechat", code="wx-b", name="WeChat B",
        config={"public_key_id": KEY_ID, "public_key_pem": public.decode()},
    )  # fmt: skip
    body = notification()
    refused(send(body, signed(stranger, body)), "BAD_SIGNATURE")
    refused(send(body, signed(provider_key, body), "/callback/wechat/wx-b/"), "BAD_SIGNATURE")


# --- what is written down ----------------------------------------------------------------------


def test_a_refusal_is_logged_with_code_and_source_and_without_the_body(provider_key, caplog):
    body = notification()
    forged = body.replace(b"EV-1", b"EV-2")
    with caplog.at_level(logging.WARNING):
        send(forged, signed(provider_key, body))
    (record,) = [record for record in caplog.records if record.name == "gateway.callbacks"]
    text = record.getMessage()
    assert record.levelno == logging.WARNING
    for word in ("wx-a", "BAD_SIGNATURE", "127.0.0.1", str(len(forged))):
        assert word in text
    assert "ciphertext" not in text
    assert len(text) < 500


def test_the_providers_deliberate_probe_raises_no_alarm(provider_key, caplog):
    body = notification()
    headers = {**signed(provider_key, body), "wechatpay-signature": "WECHATPAY/SIGNTEST/x"}
    with caplog.at_level(logging.INFO):
        send(body, headers)
    (record,) = [record for record in caplog.records if record.name == "gateway.callbacks"]
    assert record.levelno == logging.INFO


def test_a_flood_of_forgeries_writes_few_lines_but_counts_all(caplog):
    counter = callbacks.RECEIVED.labels("wechat", "rejected")
    before = counter._value.get()
    with caplog.at_level(logging.WARNING):
        for _ in range(20):
            send(b"{}", {})
    lines = [record for record in caplog.records if record.name == "gateway.callbacks"]
    assert len(lines) == 3
    assert counter._value.get() - before == 20


def test_the_quota_of_lines_begins_anew_each_minute_and_tells_what_was_left_out(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: now[0])
    quota = callbacks.LogQuota(2)
    assert [quota.take(1) for _ in range(4)] == [0, 0, None, None]
    assert quota.take(2) == 0
    now[0] = 61.0
    assert [quota.take(1), quota.take(1), quota.take(1)] == [2, 0, None]


def test_the_quota_remembers_a_bounded_number_of_accounts():
    quota = callbacks.LogQuota(1)
    for account in range(3 * quota.remembered):
        quota.take(account)
    assert len(quota._minutes) == quota.remembered


def test_a_refusal_changes_no_order(house, provider_key):
    given = cast.new_order(channel="wechat", biz_order_no="SO-1")
    order = pay.request_pay(house.application, given, cast.MERCHANT_ACTOR)
    body = notification(order.order_no)
    send(body.replace(b"EV-1", b"EV-2"), signed(provider_key, body))
    assert cast.reload(order).status == "wait"
    assert PayOrder.objects.filter(paid_amount__isnull=False).count() == 0
