"""Drives PyPI's python-alipay-sdk, unmodified: key mode, and certificate mode by DCAliPay."""

from alipay import AliPay, DCAliPay
from loop import serve

client = None


def open_client(gateway_url, app_id, app_private_key_pem, alipay_public_key_pem, **certificates):
    global client
    if certificates:
        client = DCAliPay(
            appid=app_id,
            app_private_key_string=app_private_key_pem,
            app_public_key_cert_string=certificates["app_cert_pem"],
            alipay_public_key_cert_string=certificates["alipay_cert_pem"],
            alipay_root_cert_string=certificates["alipay_root_cert_pem"],
        )
    else:
        client = AliPay(
            appid=app_id,
            app_private_key_string=app_private_key_pem,
            alipay_public_key_string=alipay_public_key_pem,
        )
    client._gateway = gateway_url  # it offers Alipay's two own gateways only


def call(method, biz, **public):
    return client.server_api(method, biz, **public)


def page(method, biz, **public):
    return client.client_api(method, biz, **public)


def verify(fields):
    fields = dict(fields)
    return client.verify(fields, fields.pop("sign"))


serve({"open": open_client, "call": call, "page": page, "verify": verify})
