"""A merchant at the DaxPay door: his keys, the client written from the wire's description, and a
look at what a request wrote."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from django.test import Client

from orders.models import (
    AllocationOrder,
    AllocationReceiver,
    ChannelAccount,
    ChannelCall,
    DoorKey,
    Event,
    MerchantNotice,
    PayOrder,
    RefundOrder,
    TransferOrder,
)
from tests import cast
from tests.gateway.daxpay.client import DaxPayClient

WRITABLE = (
    PayOrder, RefundOrder, TransferOrder, AllocationOrder, AllocationReceiver, ChannelCall, Event,
    MerchantNotice,
)  # fmt: skip


@cache
def pair(name: str) -> tuple[str, str]:
    """Private and public PEM; one of each name for a whole test process: they are slow to make."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


@dataclass
class Shop:
    """One application at this door."""

    house: cast.House
    key: DoorKey
    client: DaxPayClient

    def call(self, path: str, param: dict[str, Any]) -> dict[str, Any]:
        """The whole envelope of the answer to a good message; its signature is checked."""
        return self.send(path, self.client.prepare(param))

    def send(self, path: str, message: Any) -> dict[str, Any]:
        body = message if isinstance(message, bytes) else dump(message)
        return self.client.send(f"/unipay/{path}", body)


def dump(message: Any) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode()


def post(path: str, body: bytes) -> tuple[int, bytes]:
    answer = Client().post(path, body, content_type="application/json; charset=utf-8")
    return answer.status_code, answer.content


def open_door(house: cast.House, *, app_id: str | None = None) -> Shop:
    """Keys of ``house`` at this door, and a client that has the merchant's half."""
    mch_no, application = house.merchant.mch_no, house.application
    mine, theirs = pair("platform"), pair(f"merchant {mch_no}")
    key = DoorKey(
        application=application,
        dialect="daxpay",
        identity=f"{mch_no}:{application.app_id}",
        config={"merchant_public_key_pem": theirs[1], "platform_public_key_pem": mine[1]},
    )
    key.secrets = {"platform_private_key_pem": mine[0], "g3_secret": "secret"}
    key.save()
    client = DaxPayClient(
        mch_no=mch_no,
        app_id=application.app_id if app_id is None else app_id,
        private_key=theirs[0],
        platform_public_key=mine[1],
        post=post,
    )
    return Shop(house=house, key=key, client=client)


def make_shop(letter: str) -> Shop:
    """With accounts at WeChat Pay and Alipay, which nobody speaks to here."""
    house = cast.merchant(letter)
    for channel, config in (("wechat", {"mchid": "1900001"}), ("alipay", {"app_id": "20210001"})):
        ChannelAccount.objects.create(
            merchant=house.merchant,
            channel=channel,
            code=f"{channel}-{letter.lower()}",
            name=channel,
            config=config,
        )
    return open_door(house)


def written() -> dict[str, int]:
    """How many rows there are of everything that a request could write."""
    return {model.__name__: model.objects.count() for model in WRITABLE}
