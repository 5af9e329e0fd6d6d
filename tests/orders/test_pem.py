"""Public keys as people paste them."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from orders import pem
from orders.errors import InvalidInput


def _rsa(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


KEY = _rsa(2048)
GOOD = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
BARE = "".join(GOOD.splitlines()[1:-1])


@pytest.mark.parametrize(
    "pasted",
    [
        GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        GOOD.replace("\n", " "),
        GOOD.replace("\n", ""),
        BARE,
        f"  {BARE}\n",
        BARE.rstrip("="),
        "\ufeff" + GOOD,
        "\u00a0".join(GOOD.splitlines()),
        GOOD.replace("A", "A\u200b"),
        f"您好，公钥如下：\n\n{GOOD}\n谢谢",
        " ".join(BARE[start : start + 10] for start in range(0, len(BARE), 10)),
        GOOD.replace("-----", "---- -").replace("---- -", "-----"),
    ],
)
def test_a_key_is_found_in_whatever_people_paste(pasted: str):
    assert pem.public_key(pasted, field="key") == GOOD


def _private() -> str:
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return KEY.private_bytes(*form).decode()


def _pkcs1() -> str:
    return KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()


def _public(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize(
    ("pasted", "code"),
    [
        ("", "required"),
        (" \n\u3000", "required"),
        ("x" * 16_385, "too_long"),
        ("-----BEGIN PUBLIC KEY-----\n\n-----END PUBLIC KEY-----", "no_key"),
        ("-----BEGIN PUBLIC KEY-----\n" + BARE, "no_key"),
        (_private(), "not_public"),
        (_pkcs1(), "not_public"),
        ("我没有公钥", "not_base64"),
        ("AAAAA", "not_base64"),
        (base64.b64encode(b"no key at all").decode(), "not_x509"),
        (_public(ec.generate_private_key(ec.SECP256R1()).public_key()), "not_rsa"),
        (_public(_rsa(1024).public_key()), "key_too_short"),
    ],
)
def test_what_is_no_good_key_is_refused_by_name(pasted: str, code: str):
    with pytest.raises(InvalidInput) as refused:
        pem.public_key(pasted, field="merchant_public_key_pem")
    assert (refused.value.field, refused.value.code) == ("merchant_public_key_pem", code)


def test_a_private_key_is_never_repeated_in_the_refusal():
    with pytest.raises(InvalidInput) as refused:
        pem.public_key(_private(), field="key")
    assert "PRIVATE KEY" in str(refused.value)
    assert _private().splitlines()[1] not in str(refused.value)
