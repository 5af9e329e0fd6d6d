"""A merchant with its key at this door, and the partner's program that calls it."""

from __future__ import annotations

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
    DoorKey,
    Event,
    MerchantNotice,
    RefundOrder,
    StoreCancellation,
    StoreDelivery,
    StoreItem,
    StoreOrder,
)
from tests import cast
from tests.gateway.kaigedian.client import Partner

PUSHES = "https://partner.example/pushes"


@cache
def pair(name: str) -> tuple[str, str]:
    """(private, public) PEM; slow to make, so one per name and test process."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


@dataclass
class Shop:
    """A merchant of the house, and its own program outside."""

    house: cast.House
    key: DoorKey
    partner: Partner


def through(client: Client) -> Any:
    """The wire: this process's own web."""

    def send(path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        kind = headers.get("Content-Type", "application/json")
        rest = {name: value for name, value in headers.items() if name != "Content-Type"}
        answer = client.post(path, body, content_type=kind, headers=rest)
        return answer.status_code, answer.content

    return send


def open_shop(house: cast.House, letter: str = "A") -> Shop:
    """Give ``house`` its keys at the door."""
    merchant, platform = pair(f"merchant {letter}"), pair("platform")
    partner_id, app_id = f"186{ord(letter)}", f"2eb5c8f1170246429755e6dac313f8{letter.lower()}0"
    key = DoorKey(
        application=house.application,
        dialect="kaigedian",
        identity=f"{partner_id}:{app_id}",
        config={
            "partner_id": partner_id,
            "app_id": app_id,
            "merchant_public_key_pem": merchant[1],
            "platform_public_key_pem": platform[1],
            "notify_url": PUSHES,
            "response_body_as_object": "",
        },
    )
    token = f"token-of-{letter}"
    key.secrets = {"platform_private_key_pem": platform[0], "access_token": token}
    key.save()
    partner = Partner(
        partner_id=partner_id,
        app_id=app_id,
        access_token=token,
        private_key_pem=merchant[0],
        platform_public_key_pem=platform[1],
        send=through(Client(headers={"accept-language": "en"})),
    )
    return Shop(house=house, key=key, partner=partner)


ORDER: dict[str, Any] = {
    "thirdOrderCode": "1889943343",
    "storeId": "10001",
    "storeName": "开个店徐汇店",
    "actualPayAmount": 2000,
    "originalAmount": 2500,
    "barCounter": "06",
    "canRefund": True,
    "needInvoice": False,
    "orderClient": 15,
    "note": "少冰",
    "orderStatus": 1,
    "orderType": 1,
    "payChannel": "cash",
    "payChannelName": "现金",
    "payStatus": 2,
    "payType": 2,
    "payTime": "2026-11-20 12:30:00",
    "posCode": "39938289509032322",
    "operator": "MRX",
    "userId": "198004522",
    "userName": "张三",
    "needBonus": 0,
    "orderItemList": [
        {
            "productSeq": 1,
            "productId": "138418632407497998",
            "thirdProductId": "188453334",
            "productName": "测试商品",
            "productPrice": 2500,
            "productQuantity": 1,
            "productSharePrice": 500,
            "productWeightUnit": "杯",
            "weight": 1500,
            "productSpecName": "大杯",
            "productProperty": "三分糖",
        }
    ],
}
"""A good order, paid at the till."""
COURIER = {"contactsName": "李四", "mobile": "13800138000", "expressNo": "SF1"}
TABLES = (
    StoreOrder, StoreItem, StoreDelivery, StoreCancellation, RefundOrder, Event, MerchantNotice,
)  # fmt: skip


def written() -> dict[str, list[dict[str, Any]]]:
    """Everything that a call at this door can change."""
    return {
        model.__name__: list(model._default_manager.order_by("pk").values()) for model in TABLES
    }


def order(**changes: Any) -> dict[str, Any]:
    return {**ORDER, **changes}
