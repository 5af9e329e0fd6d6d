"""Drives PyPI's alipay-sdk-python, Alipay's own, with one function replaced.

Its ``get_http_connection`` cannot take an address with a port (it adds a number to a string); the
replacement differs in that alone, and still sends the absolute form of the request target.
"""

import base64
import importlib
import json
from http.client import HTTPConnection
from urllib.parse import urlsplit

from alipay.aop.api.AlipayClientConfig import AlipayClientConfig
from alipay.aop.api.DefaultAlipayClient import DefaultAlipayClient
from alipay.aop.api.util import WebUtils
from alipay.aop.api.util.SignatureUtils import get_sign_content, verify_with_rsa
from loop import serve
from rsa import PrivateKey

client = None
config = AlipayClientConfig()


def get_http_connection(url, query_string, timeout):
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    return f"{url}?{query_string}", connection


WebUtils.get_http_connection = get_http_connection


def body_of(pem):
    return "".join(line for line in pem.splitlines() if "-----" not in line)


def open_client(gateway_url, app_id, app_private_key_pkcs1, alipay_public_key_pem):
    global client
    config.server_url = gateway_url
    config.app_id = app_id
    config.app_private_key = body_of(app_private_key_pkcs1)
    config.alipay_public_key = body_of(alipay_public_key_pem)
    PrivateKey.load_pkcs1(base64.b64decode(config.app_private_key), "DER")
    client = DefaultAlipayClient(config)


def request_of(method, biz, public):
    """``alipay.trade.query`` has its AlipayTradeQueryRequest and its AlipayTradeQueryModel."""
    name = "".join(part.capitalize() for part in method.split("."))
    model = importlib.import_module(f"alipay.aop.api.domain.{name}Model")
    module = importlib.import_module(f"alipay.aop.api.request.{name}Request")
    request = getattr(module, name + "Request")()
    request.biz_model = getattr(model, name + "Model").from_alipay_dict(biz)
    for key, value in public.items():
        setattr(request, key, value)
    return request


def call(method, biz, **public):
    return json.loads(client.execute(request_of(method, biz, public)))


def page(method, biz, **public):
    return client.page_execute(request_of(method, biz, public), http_method="GET")


def order_string(method, biz, **public):
    return client.sdk_execute(request_of(method, biz, public))


def verify(fields):
    kept = {k: v for k, v in fields.items() if k not in ("sign", "sign_type")}
    message = get_sign_content(kept).encode()
    return verify_with_rsa(config.alipay_public_key, message, fields["sign"])


serve(
    {
        "open": open_client,
        "call": call,
        "page": page,
        "order_string": order_string,
        "verify": verify,
    }
)
