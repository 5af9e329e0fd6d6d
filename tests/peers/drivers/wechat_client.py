"""Drives PyPI's wechatpayv3, unmodified, in its public-key mode or with platform certificates."""

import base64
import json

from loop import serve
from wechatpayv3 import WeChatPay, WeChatPayType

TYPES = {"native": WeChatPayType.NATIVE, "jsapi": WeChatPayType.JSAPI}
client = None


def open_client(
    base_url,
    mchid,
    appid,
    merchant_serial,
    merchant_private_key_pem,
    apiv3_key,
    platform_public_key_id,
    platform_public_key_pem,
    notify_url,
    certificates=False,
):
    global client
    client = WeChatPay(
        wechatpay_type=WeChatPayType.NATIVE,
        mchid=mchid,
        private_key=merchant_private_key_pem,
        cert_serial_no=merchant_serial,
        appid=appid,
        apiv3_key=apiv3_key,
        notify_url=notify_url,
        public_key=platform_public_key_pem,
        public_key_id=platform_public_key_id,
        timeout=(2, 10),
    )
    client._core._gate_way = base_url  # it offers WeChat Pay's own address only
    if certificates:
        # Its constructor would ask the real one for certificates: it forgets the key only here.
        client._core._public_key_id = None
        client._core._public_key = None
        client._core._update_certificates()


def call(method, **given):
    """Any method by its name: the status, and the JSON that came back."""
    if "pay_type" in given:
        given["pay_type"] = TYPES[given["pay_type"]]
    status, text = getattr(client, method)(**given)
    if isinstance(text, bytes) and text:
        return [status, base64.b64encode(text).decode()]
    return [status, json.loads(text) if text else None]


def callback(headers, body):
    """What a notification says; None where its signature is wrong."""
    return client.callback(headers, body)


serve({"open": open_client, "call": call, "callback": callback})
