"""What DaxPay 3 signs: the documented message by all three kinds, and odd corners of its SDK."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gateway.api.daxpay.g3 import signing
from gateway.api.daxpay.g3.signing import Kind, Style
from gateway.api.daxpay.parsing import Fraction

DOCUMENTED = {
    "mchNo": "M1723635576766",
    "appId": "M8088873888246277",
    "clientIp": "127.0.0.1",
    "nonceStr": "abc",
    "reqTime": "2025-08-26 12:00:00",
    "bizOrderNo": "P0001",
    "title": "测试接口支付",
    "amount": Fraction("0.010"),
    "channel": "ali_pay",
    "method": "qrcode",
    "extraParam": '{"openId":"6688812"}',
    "description": None,
    "sign": "whatever",
}
TEXT = (
    "AMOUNT=0.01&APPID=M8088873888246277&BIZORDERNO=P0001&CHANNEL=ALI_PAY&CLIENTIP=127.0.0.1"
    "&EXTRAPARAM={OPENID:6688812}&MCHNO=M1723635576766&METHOD=QRCODE&NONCESTR=ABC"
    "&REQTIME=2025-08-26 12:00:00&TITLE=测试接口支付&KEY=123456"
)
SIGNATURES = {
    Kind.MD5: "61b27b7e6069bbcf32fc323f06cac5f9",
    Kind.HMAC_SHA256: "952b3e17bbb425d6a3cb423a91a3105075aca5fefa6dd99bfd8acf63c7c42b03",
    Kind.SM3: "b9927487e4867efce6b41e5536f19bec0112a3c81148a00bb2d42e03407639a2",
}


@pytest.mark.parametrize("kind", Kind)
def test_the_documented_message_has_the_documented_signature(kind):
    style = Style(kind=kind)
    assert signing.sign_text(DOCUMENTED, "123456", style) == TEXT
    assert signing.sign(DOCUMENTED, "123456", style) == SIGNATURES[kind]
    assert signing.match(DOCUMENTED, SIGNATURES[kind], "123456", Kind) == style
    assert signing.match(DOCUMENTED, SIGNATURES[kind].upper(), "123456", Kind) == style


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        ("", "A=&"),
        ([], ""),
        (True, "A=TRUE&"),
        (False, "A=FALSE&"),
        (100, "A=100&"),
        (Fraction("100.00"), "A=100&"),
        (Fraction("1e2"), "A=100&"),
        (Fraction("0.0"), "A=0&"),
        (Decimal("12.80"), "A=12.8&"),
        ('say "x\\y"', "A=SAY XY&"),
        ({"b": "x", "a": 1, "n": None}, "A={B:X,A:1}&"),
        ([{"b": "x", "A": Fraction("1.50"), "n": None}], "A=[{A:1.5,B:X}]&"),
        ({"t": "a\nb\u200bc"}, "A={T:ANBU200BC}&"),
    ],
)
def test_a_value_is_signed_as_the_sdk_writes_it(value, shown):
    text = signing.sign_text({"a": value}, "k", Style(kind=Kind.MD5))
    assert f"{text}&" == f"{shown}&KEY=K&".replace("&&", "&") if shown else text == "&KEY=K"


def test_programs_of_before_the_capitals_and_of_the_documentation_are_known():
    message = {"a": "x", "b": ""}
    for is_upper in (True, False):
        for keeps_empty in (True, False):
            style = Style(kind=Kind.MD5, is_upper=is_upper, keeps_empty=keeps_empty)
            made = signing.sign(message, "Key", style)
            assert signing.match(message, made, "Key", [Kind.MD5]) == style


def test_what_is_not_signed_by_the_secret_is_nobodys():
    good = SIGNATURES[Kind.HMAC_SHA256]
    changed = {**DOCUMENTED, "amount": Fraction("0.02")}
    assert signing.match(changed, good, "123456", Kind) is None
    assert signing.match(DOCUMENTED, good, "1234567", Kind) is None
    assert signing.match(DOCUMENTED, good, "123456", [Kind.MD5, Kind.SM3]) is None
    for odd in ("", "zz", good[:-1], good + "0", "ｆ" * 64):
        assert signing.match(DOCUMENTED, odd, "123456", Kind) is None
