"""RSA2 of the DaxPay wire against the published vectors, and the reading that comes before it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from django.utils.translation import override

from gateway.api.daxpay import parsing, signing
from tests.gateway.daxpay import client

_PLACE = Path(__file__).resolve().parents[2] / "vectors" / "daxpay" / "vectors.json"
PUBLISHED = json.loads(_PLACE.read_text())
PUBLIC = PUBLISHED["public_key_pem"]
VECTORS = PUBLISHED["vectors"]


@pytest.fixture(scope="module")
def pair() -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def members(text: str) -> Any:
    body = parsing.read(text.encode())
    assert body.fault == ""
    return body.members


@pytest.mark.parametrize("name", VECTORS)
def test_a_published_message_is_read_and_verified(name):
    vector = VECTORS[name]
    assert signing.sign_text(members(vector["json"])) == vector["signStr"]
    assert signing.verify(members(vector["json"]), vector["sign"], PUBLIC)


@pytest.mark.parametrize("name", VECTORS)
def test_a_tampered_message_is_not_verified(name):
    vector = VECTORS[name]
    for path, value in (("msg", "tampered"), ("amount", 101), ("new", "x"), ("reqId", "")):
        tampered = {**members(vector["json"]), path: value}
        assert not signing.verify(tampered, vector["sign"], PUBLIC)


@pytest.mark.parametrize(
    "spelling",
    [
        {"indent": 2},
        {"sort_keys": True, "separators": (",", ":")},
        {"ensure_ascii": True},
    ],
)
def test_the_spelling_of_the_json_does_not_count(spelling):
    vector = VECTORS["V1"]
    again = json.dumps(json.loads(vector["json"]), **{"ensure_ascii": False, **spelling})
    assert signing.verify(members(again), vector["sign"], PUBLIC)


def test_goes_escapes_of_signs_of_html_do_not_count():
    vector = VECTORS["V3"]
    again = vector["json"].replace("?", "\\u003f").replace("/", "\\/").replace("=", "\\u003d")
    assert again != vector["json"]
    assert signing.verify(members(again), vector["sign"], PUBLIC)


@pytest.mark.parametrize(
    ("text", "signed"),
    [
        ('{"a":null,"b":"","c":0}', "b=&c=0"),
        ('{"a":"1","sign":"x","Sign":"y","SIGN":"z"}', "a=1"),
        ('{"data":{"sign":"x"},"a":1}', "a=1&data.sign=x"),
        ('{"a":{},"b":[],"c":{"d":[]}}', ""),
        ('{"t":true,"f":false}', "f=false&t=true"),
        ('{"b":1,"B":2,"a":3}', "B=2&a=3&b=1"),
        ('{"p":100.0,"q":1.50,"r":1e2,"s":116.4,"t":-0.25}', "p=100&q=1.5&r=100&s=116.4&t=-0.25"),
        ('{"l":["x",["y"],{"k":"z"}]}', "l[0]=x&l[1][0]=y&l[2].k=z"),
        ('{"u":"a&b=c d+%/\\u4e2d"}', "u=a&b=c d+%/中"),
        ('{"n":12345678901234567890}', "n=12345678901234567890"),
    ],
)
def test_what_is_signed_of_a_message(text, signed):
    assert signing.sign_text(members(text)) == signed
    assert client.sign_string(json.loads(text)) == signed


def test_an_index_sorts_as_text():
    text = signing.sign_text({"goodsDetail": [str(i) for i in range(11)]})
    assert text.startswith("goodsDetail[0]=0&goodsDetail[10]=10&goodsDetail[1]=1&")


def test_what_one_signs_the_other_verifies(pair):
    private, public = pair
    message = {"code": 0, "data": {"名": "茶", "list": [1, None, ""]}, "msg": "success"}
    assert client.rsa2_verify(message, signing.sign(message, private), public)
    assert signing.verify(message, client.rsa2_sign(message, private), public)


@pytest.mark.parametrize("signature", ["", "x", "AAAA", "中", "A" * 344, "\n"])
def test_what_is_no_signature_is_not_verified(signature, pair):
    assert not signing.verify({"a": 1}, signature, pair[1])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda pem: pem.replace("\n", ""),
        lambda pem: pem.replace("\n", "\r\n"),
        lambda pem: pem.replace("\n", " \u200b\n\u00a0"),
        lambda pem: "\ufeff" + pem,
        lambda pem: f"the key:\n{pem}\nthanks",
        lambda pem: "".join(pem.splitlines()[1:-1]),
    ],
)
def test_a_key_is_taken_as_people_paste_it(spoil, pair):
    private, public = pair
    signature = signing.sign({"a": 1}, spoil(private))
    assert signing.verify({"a": 1}, signature, spoil(public))


@pytest.mark.parametrize("text", ["", "  ", "-----BEGIN PUBLIC KEY-----", "Zm9v", "中文", "A"])
def test_what_is_no_key_says_so(text):
    with pytest.raises(ValueError):
        signing.load_public_key(text)
    with pytest.raises(ValueError):
        signing.load_private_key(text)


# --- reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"", "JSON"),
        (b"[]", "JSON"),
        (b'"text"', "JSON"),
        (b'{"a":1', "JSON"),
        (b'{"a":1}{"b":2}', "JSON"),
        (b'{"a":"\xff"}', "UTF-8"),
        (b'\xef\xbb\xbf{"a":1}', "JSON"),
        (b'{"a":1,"a":2}', "twice"),
        (b'{"b":{"a":1,"a":1}}', "twice"),
        (b'{"a":NaN}', "NaN"),
        (b'{"a":-Infinity}', "Infinity"),
        (b'{"a":' + b"9" * 31 + b"}", "30 digits"),
        (b'{"a":1e99}', "30 digits"),
        (b'{"a":1e-99}', "30 digits"),
        (b'{"a":0e99999999999999999999}', "30 digits"),
        (b'{"a":0.' + b"1" * 40 + b"}", "30 digits"),
        (b'{"a.b":1}', "letters"),
        (b'{"a&b=c":1}', "letters"),
        (b'{"":1}', "letters"),
        (b'{"a":"\\ud83d"}', "half"),
        (b'{"a":["\\udc00"]}', "half"),
        (b'{"a":' + b"[" * 20 + b"]" * 20 + b"}", "deeply"),
        (b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", "deeply"),
        (b'{"a":"\n"}', "JSON"),
    ],
)
def test_a_body_that_could_be_read_in_two_ways_is_refused(raw, word):
    with override("en"):
        assert word in parsing.read(raw).fault


def test_a_refused_body_still_says_who_sent_it():
    for raw in (
        b'{"mchNo":"M1","a":1,"a":2}',
        b'{"mchNo":"M1","a":"\xff"}',
        b'{"mchNo":"M1","a":NaN}',
    ):
        body = parsing.read(raw)
        assert body.fault
        assert body.members["mchNo"] == "M1"
