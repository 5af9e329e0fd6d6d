"""The published signatures, notifications and ciphertexts, byte for byte."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from channels.base import CallbackRejected, Response
from channels.wechat import certificates, keys, signing
from channels.wechat.channel import WechatChannel
from tests.channels import wechat_cast as cast

VECTORS: dict[str, dict[str, Any]] = {
    vector["id"]: vector
    for vector in json.loads(
        (Path(__file__).parents[1] / "vectors/wechat/vectors.json").read_text("utf-8")
    )
}
SIGNED = [vector["id"] for vector in VECTORS.values() if vector["kind"] == "rsa_sign"]
SEALED = [vector["id"] for vector in VECTORS.values() if vector["kind"] == "aes_gcm"]


def key_of(vector: dict[str, Any]) -> Any:
    if "public_key_pem" in vector:
        return keys.public_key(vector["public_key_pem"])
    return next(iter(keys.certificates(vector["certificate_pem"]).values()))


@pytest.mark.parametrize("name", SIGNED)
def test_published_signature_verifies(name: str) -> None:
    vector = VECTORS[name]
    signing._check_signature(key_of(vector), vector["signature_b64"], vector["message"].encode())


@pytest.mark.parametrize("name", SIGNED)
def test_published_signature_of_a_changed_message_does_not_verify(name: str) -> None:
    vector = VECTORS[name]
    with pytest.raises(signing.Unverified) as caught:
        signing._check_signature(
            key_of(vector), vector["signature_b64"], vector["message"].encode() + b"x"
        )
    assert caught.value.code == "BAD_SIGNATURE"


@pytest.mark.parametrize("name", SEALED)
def test_published_ciphertext_opens_to_its_plaintext(name: str) -> None:
    vector = VECTORS[name]
    opened = signing.decrypt(
        vector["apiv3_key"],
        nonce=vector["nonce"],
        associated_data=vector["associated_data"],
        ciphertext=vector["ciphertext_b64"],
    )
    assert opened == vector["plaintext"].encode()


def test_request_message_and_authorization_have_the_published_form() -> None:
    vector = VECTORS["go-authorization-format"]
    message = signing.message_of(
        vector["method"],
        vector["canonical_url"],
        str(vector["timestamp"]),
        vector["nonce"],
        vector["body"].encode(),
    )
    assert message == vector["expected_message"].encode()
    header = signing.authorization(
        cast.merchant_key,
        mchid="1234567890",
        serial="0123456789ABC",
        method=vector["method"],
        target=vector["canonical_url"],
        timestamp=vector["timestamp"],
        nonce=vector["nonce"],
        body=vector["body"].encode(),
    )
    prefix = vector["expected_header_prefix"]
    assert header.startswith(prefix)
    signature = header.removeprefix(prefix).removesuffix('"')
    signing._check_signature(cast.merchant_key.public_key(), signature, message)


def test_jsapi_pay_sign_covers_the_published_message() -> None:
    """Our message for the official sample's parameters verifies under the official signature."""
    vector = VECTORS["official-paysign-jsapi"]
    appid, stamp, nonce, package = vector["message"].rstrip("\n").split("\n")
    assert signing.message_of(appid, stamp, nonce, package) == vector["message"].encode()
    ours = signing.pay_sign(
        cast.merchant_key, appid=appid, timestamp=stamp, nonce=nonce, last=package
    )
    signing._check_signature(cast.merchant_key.public_key(), ours, vector["message"].encode())


def notify_account() -> tuple[dict[str, Any], Any]:
    vector = VECTORS["go-notify-verify-decrypt"]
    return vector, cast.account(
        public_key_id="",
        public_key_pem="",
        platform_certificates=vector["certificate_pem"],
        secrets={"apiv3_key": vector["apiv3_key"]},
    )


def published_headers(vector: dict[str, Any]) -> dict[str, str]:
    absent = "Wechatpay-Signature-Type"
    return {name: value for name, value in vector["headers"].items() if name != absent}


def test_published_notification_verifies_at_its_time_and_gives_its_id() -> None:
    vector, account = notify_account()
    now = datetime.fromtimestamp(vector["clock_unix"], UTC)
    found = WechatChannel().verify_callback(
        published_headers(vector), vector["body"].encode(), account, now=now
    )
    assert found == "3119dfba-e649-5eec-ab1e-3412bc4d2e17"


def test_published_notification_is_stale_today() -> None:
    vector, account = notify_account()
    with pytest.raises(CallbackRejected) as caught:
        WechatChannel().verify_callback(
            published_headers(vector), vector["body"].encode(), account, now=cast.NOW
        )
    assert caught.value.code == "STALE"


def test_published_notification_opens_to_its_plaintext() -> None:
    vector, _ = notify_account()
    resource = json.loads(vector["body"])["resource"]
    opened = signing.decrypt(
        vector["apiv3_key"],
        nonce=resource["nonce"],
        associated_data=resource["associated_data"],
        ciphertext=resource["ciphertext"],
    )
    assert opened == vector["plaintext"].encode()


def test_published_notification_of_another_product_is_rejected_when_opened() -> None:
    vector, account = notify_account()
    with pytest.raises(CallbackRejected) as caught:
        WechatChannel().open_callback(vector["body"].encode(), account)
    assert caught.value.code == "UNKNOWN_EVENT"


def test_published_certificate_list_decrypts_to_its_serial() -> None:
    vector = VECTORS["java-certificates-download"]
    entry = json.loads(vector["response_body"])["data"][0]
    found = certificates._read(entry, vector["apiv3_key"])
    assert found.serial == vector["expected_serial_no"]
    assert found.expires_at == datetime(2028, 9, 17, 15, 15, 58, tzinfo=UTC)
    assert list(keys.certificates(found.pem)) == [vector["expected_serial_no"]]


def test_published_certificate_list_unsigned_by_its_certificates_is_not_believed() -> None:
    vector = VECTORS["java-certificates-download"]
    account = cast.account(secrets={"apiv3_key": vector["apiv3_key"]})
    body = vector["response_body"].encode()
    stranger = cast.signed_headers(body, key=cast.platform_key, serial="ABCDEF")
    with pytest.raises(certificates.BadAnswer) as caught:
        certificates.decode(
            Response(status=200, headers=stranger, body=body), account, now=cast.NOW
        )
    assert caught.value.code == "BAD_SIGNATURE"


def test_certificate_serial_has_the_published_spelling() -> None:
    vector = VECTORS["java-rsa-verify"]
    certificate = x509.load_pem_x509_certificate(vector["certificate_pem"].encode())
    assert keys.serial_of(certificate) == vector["certificate_serial_no"]
    public = certificate.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert public.decode() == vector["public_key_pem"]
