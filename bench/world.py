"""What every measurement needs: a migrated database, one merchant, accounts, and many orders."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.management import call_command
from django.utils import timezone

from channels.simulators.wechat import new_identity
from channels.simulators.wechat.identity import credentials
from channels.simulators.wechat.keys import Keys
from orders.actor import Actor, Door
from orders.models import ApiKey, Application, ChannelAccount, ChannelCallback, Merchant, PayOrder
from orders.services import pay

ACTOR = Actor(door=Door.API, name="bench")


@dataclass
class World:
    application: Application
    api_key: str
    keys: Keys
    identity: dict[str, Any]


def make() -> World:
    """Tables and one merchant with a sandbox and a WeChat account."""
    call_command("migrate", interactive=False, verbosity=0)
    merchant = Merchant.objects.create(mch_no="BENCH", name="Bench")
    application = Application(merchant=merchant, app_id="bench", name="Bench")
    application.notify_url = "http://127.0.0.1:9/notices"
    application.webhook_secret = "whsec_" + "A" * 32
    application.save()
    ChannelAccount(merchant=merchant, channel="sandbox", code="sandbox", name="Sandbox").save()
    _key, api_key = ApiKey.issue(application)
    identity = new_identity()
    keys = Keys({name: text for name, text in identity.items() if "merchant_private" not in name})
    return World(application=application, api_key=api_key, keys=keys, identity=identity)


def wechat(world: World, base_url: str, *, max_in_flight: int) -> None:
    """The merchant's WeChat account, at the given address."""
    config = credentials(world.identity, base_url)
    hidden = {name: config.pop(name) for name in ("merchant_private_key_pem", "apiv3_key")}
    config["public_key_id"] = config.pop("platform_public_key_id")
    config["public_key_pem"] = config.pop("platform_public_key_pem")
    row = ChannelAccount.objects.filter(channel="wechat").first() or ChannelAccount(
        merchant=world.application.merchant, channel="wechat", code="wechat", name="WeChat"
    )
    row.config, row.max_in_flight = config, max_in_flight
    row.secrets = hidden
    row.save()


def place(world: World, count: int, prefix: str) -> list[PayOrder]:
    """Orders whose call to the channel is due, written by the service."""
    expires = timezone.now() + timedelta(days=1)
    return [
        pay.request_pay(
            world.application,
            pay.NewPayOrder(
                biz_order_no=f"{prefix}-{index}",
                title="Tea",
                amount=10_000,
                channel="wechat",
                method="native",
                expires_at=expires,
            ),
            ACTOR,
        )
        for index in range(count)
    ]


def notify(world: World, orders: list[PayOrder]) -> None:
    """One verified "paid" notification in the inbox for each order."""
    account = ChannelAccount.objects.get(channel="wechat")
    bodies = [_notification(world, order) for order in orders]
    ChannelCallback.objects.bulk_create(
        ChannelCallback(
            account=account,
            channel="wechat",
            notification_id=f"EV-{order.order_no}",
            body=body,
            body_digest=hashlib.sha256(body.encode()).hexdigest(),
        )
        for order, body in zip(orders, bodies, strict=True)
    )


def _notification(world: World, order: PayOrder) -> str:
    content = {
        "mchid": world.identity["mchid"],
        "appid": world.identity["appid"],
        "out_trade_no": order.order_no,
        "transaction_id": f"42{order.pk:026d}",
        "trade_type": "NATIVE",
        "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功",
        "bank_type": "OTHERS",
        "success_time": timezone.localtime().isoformat(timespec="seconds"),
        "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
        "amount": {
            "total": order.amount,
            "payer_total": order.amount,
            "currency": "CNY",
            "payer_currency": "CNY",
        },
    }
    resource = world.keys.encrypt_json(content, associated_data="transaction")
    return json.dumps(
        {
            "id": f"EV-{order.order_no}",
            "create_time": content["success_time"],
            "event_type": "TRANSACTION.SUCCESS",
            "resource_type": "encrypt-resource",
            "summary": "支付成功",
            "resource": {
                "algorithm": "AEAD_AES_256_GCM",
                "original_type": "transaction",
                "associated_data": "transaction",
                **resource,
            },
        },
        ensure_ascii=False,
    )
