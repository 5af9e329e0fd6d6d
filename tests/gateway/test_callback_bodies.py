"""What stays of a notification: the order's facts, a digest, and nobody's name.

Each channel's provider is played by its cast; a body comes in over HTTP and is settled by a drain.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from django.db import connection
from django.test import Client
from django.utils import timezone

from channels import registry
from gateway import callbacks as door
from orders.engine import drain
from orders.models import ChannelAccount, ChannelCallback, PayOrder
from orders.services import callbacks, pay
from tests import cast
from tests.channels import alipay_cast as alipay
from tests.channels import umf_cast as umf
from tests.channels import wechat_cast as wechat

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_waiting")]

OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
ALIPAY_BUYER = ("2088102169481075", "159****5620", "074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWY")
UMF_BUYER = ("281234567890123456", "buyer@example.com", "ou-umf-0042", "a-member-of-2027")


@dataclass(frozen=True)
class Provider:
    config: dict[str, str]
    secrets: dict[str, str]
    buyer: tuple[str, ...]
    """Every literal that says who paid."""

    def notice(self, order_no: str) -> tuple[bytes, dict[str, str]]:
        """The signed body and its headers."""
        raise NotImplementedError


class WeChat(Provider):
    def notice(self, order_no: str) -> tuple[bytes, dict[str, str]]:
        transaction = {
            "mchid": self.config["mchid"], "appid": self.config["appid"],
            "out_trade_no": order_no, "transaction_id": "4200001", "trade_type": "NATIVE",
            "trade_state": "SUCCESS", "success_time": "2026-11-20T18:00:00+08:00",
            "payer": {"openid": OPENID}, "amount": {"total": 10000, "currency": "CNY"},
        }  # fmt: skip
        sealed = AESGCM(self.secrets["apiv3_key"].encode()).encrypt(
            b"abcdefghijkl", json.dumps(transaction).encode(), b"transaction"
        )
        resource = {
            "algorithm": "AEAD_AES_256_GCM", "original_type": "transaction",
            "nonce": "abcdefghijkl", "associated_data": "transaction",
            "ciphertext": base64.b64encode(sealed).decode(),
        }  # fmt: skip
        body = json.dumps({"id": "EV-1", "event_type": "TRANSACTION.SUCCESS", "resource": resource})
        at = str(int(timezone.now().timestamp()))
        signature = wechat.provider_key.sign(f"{at}\nn-1\n{body}\n".encode(), PKCS1v15(), SHA256())
        return body.encode(), {
            "wechatpay-timestamp": at,
            "wechatpay-nonce": "n-1",
            "wechatpay-serial": self.config["public_key_id"],
            "wechatpay-signature": base64.b64encode(signature).decode(),
        }


class Alipay(Provider):
    def notice(self, order_no: str) -> tuple[bytes, dict[str, str]]:
        who = dict(zip(("buyer_id", "buyer_logon_id", "buyer_open_id"), ALIPAY_BUYER, strict=True))
        return alipay.notice(out_trade_no=order_no, total_amount="100.00", **who), {}


class Umf(Provider):
    def notice(self, order_no: str) -> tuple[bytes, dict[str, str]]:
        members = ("mediaNo", "buyerLogonId", "openId", "memberOfTomorrow")
        who = dict(zip(members, UMF_BUYER, strict=True))
        return umf.notice(orderId=order_no, amount="10000", **who), {}


PROVIDERS = {
    "wechat": WeChat(wechat.CONFIG, wechat.SECRETS, (OPENID,)),
    "alipay": Alipay(alipay.KEY_MODE, alipay.SECRETS, ALIPAY_BUYER),
    "umf": Umf(umf.CONFIG, umf.SECRETS, UMF_BUYER),
}


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """UMF's acknowledgement needs a worker; the test is its own, afterwards."""
    monkeypatch.setattr(door, "ACK_WAIT_S", 0.01)


@pytest.fixture(params=PROVIDERS)
def channel(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def told(channel: str) -> tuple[PayOrder, ChannelCallback, bytes]:
    """An order, and the stored notification that it was paid."""
    house, provider = cast.merchant("A"), PROVIDERS[channel]
    account = ChannelAccount(
        merchant=house.merchant, channel=channel, code="there", name="X", config=provider.config
    )
    account.secrets = provider.secrets
    account.save()
    given = cast.new_order(channel=channel, biz_order_no="SO-1", amount=10000)
    order = pay.request_pay(house.application, given, cast.MERCHANT_ACTOR)
    body, headers = provider.notice(order.order_no)
    content_type = (
        "application/x-www-form-urlencoded" if channel == "alipay" else "application/json"
    )
    path = f"/callback/{channel}/there/"
    Client().post(path, body, content_type=content_type, headers=headers)
    return order, ChannelCallback.objects.get(), body


def rows_with(literals: tuple[str, ...]) -> list[str]:
    """Where in the whole database one of these texts stands, as ``table.column``."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute(
            "select table_name, column_name from information_schema.columns "
            "where table_schema = 'public' and data_type in ('text', 'jsonb', 'character varying')"
        )
        for table, column in cursor.fetchall():
            for literal in literals:
                cursor.execute(
                    f'select 1 from "{table}" where position(%s in "{column}"::text) > 0 limit 1',
                    [literal],
                )
                if cursor.fetchone():
                    found.append(f"{table}.{column}")
    return found


def names(body: bytes, channel: str) -> tuple[str, ...]:
    """Who paid, as it stands in the body: in plain, escaped, or sealed with a key of the house."""
    if channel == "wechat":
        return (OPENID, json.loads(body)["resource"]["ciphertext"][:40])
    buyer = PROVIDERS[channel].buyer
    return (*buyer, *map(quote, buyer))


def test_until_it_is_settled_it_is_kept_as_it_came(told, channel):
    _order, row, body = told
    assert (row.state, row.body.encode()) == ("due", body)
    assert set(rows_with(names(body, channel))) == {"orders_channelcallback.body"}
    assert row.body_digest == hashlib.sha256(body).hexdigest()


def test_after_it_is_settled_nothing_in_the_database_names_who_paid(told, channel):
    order, row, body = told
    assert drain.run("callback") == 1
    assert cast.reload(order).status == "success"
    row = cast.reload(row)
    assert (row.state, row.result) == ("ended", "applied")
    assert rows_with(names(body, channel)) == []
    assert row.body_digest == hashlib.sha256(body).hexdigest()
    assert "***" in row.body


def test_what_says_what_happened_stays(told, channel):
    order, row, body = told
    drain.run("callback")
    kept = cast.reload(row).body
    if channel == "alipay":
        form, came = dict(parse_qsl(kept)), dict(parse_qsl(body.decode()))
        same = ("trade_no", "total_amount", "gmt_payment", "trade_status", "notify_id")
        assert form.keys() == came.keys()
        assert [form[name] for name in same] == [came[name] for name in same]
        assert {form[name] for name in ("buyer_id", "subject", "sign")} == {"***"}
    elif channel == "umf":
        form, came = json.loads(kept), json.loads(body)
        assert form.keys() == came.keys()
        assert form["orderId"] == order.order_no and form["tradeState"] == "TRADE_SUCCESS"
        assert {form[name] for name in ("mediaNo", "memberOfTomorrow", "sign")} == {"***"}
    else:
        assert json.loads(kept) == {
            "id": "EV-1",
            "event_type": "TRANSACTION.SUCCESS",
            "resource": {
                "algorithm": "AEAD_AES_256_GCM", "original_type": "transaction", "nonce": "***",
                "associated_data": "transaction", "ciphertext": "***",
            },
        }  # fmt: skip


def test_a_redelivery_of_a_settled_one_is_known_and_brings_nothing_back(told, channel):
    order, row, body = told
    drain.run("callback")
    before = cast.reload(row).body
    callbacks.receive(row.account, row.notification_id, body.decode())
    assert ChannelCallback.objects.get().body == before
    assert drain.run("callback") == 0
    assert rows_with(names(body, channel)) == []
    assert order.events.filter(kind="paid").count() == 1


def test_one_that_cannot_be_settled_keeps_its_body_for_the_next_try(told, channel, monkeypatch):
    _order, row, body = told

    def fails(*_args: Any) -> None:
        raise RuntimeError("a bug in reading it")

    monkeypatch.setattr(type(registry.get(channel)), "open_callback", fails)
    ChannelCallback.objects.filter(pk=row.pk).update(state="out", attempt=1)
    with pytest.raises(RuntimeError):
        callbacks.settle([(row.pk, 1)])
    assert (cast.reload(row).state, cast.reload(row).body.encode()) == ("out", body)


def test_one_that_is_rejected_keeps_its_reason_and_no_name(told, channel):
    """Nobody opens it again: a redelivery is the same notification."""
    _order, row, body = told
    config = {**row.account.config, "mchid": "1", "seller_id": "1", "mer_id": "1"}
    ChannelAccount.objects.filter(pk=row.account_id).update(config=config)
    drain.run("callback")
    row = cast.reload(row)
    assert (row.state, row.result, row.code != "") == ("ended", "rejected", True)
    assert rows_with(names(body, channel)) == []


def test_a_body_that_scrubbing_fails_on_is_not_kept_and_stops_nothing(told, channel, monkeypatch):
    order, row, _body = told

    def fails(*_args: Any) -> str:
        raise RuntimeError("a bug in scrubbing")

    monkeypatch.setattr(type(registry.get(channel)), "scrub_callback", fails)
    drain.run("callback")
    assert cast.reload(order).status == "success"
    assert (cast.reload(row).state, cast.reload(row).body) == ("ended", "")


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"{", b"\x00", b"=&=", b'{"resource": 1}'])
def test_a_body_that_nobody_can_read_leaves_a_mask_at_most(channel, body):
    kept = registry.get(channel).scrub_callback(body)
    assert "\x00" not in kept
    assert kept in ("", "***", '{"resource": "***"}', "=***&=***")
