"""What the simulated WeChat Pay refuses before it reads a request, and how it signs its answers."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from channels.simulators.wechat import WechatSimulator
from tests.channels.simulators.wire_client import Merchant, Reply, verify

NATIVE = "/v3/pay/transactions/native"
MALFORMED = "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》"


def refused(reply: Reply, status: int, code: str, message: str | None = None) -> None:
    """An error carries no Wechatpay-* header, and a Request-ID."""
    assert (reply.status, reply.code) == (status, code)
    if message is not None:
        assert reply.json["message"] == message
    assert [name for name in reply.headers if name.lower().startswith("wechatpay-")] == []
    assert reply.headers["Request-ID"].startswith("08")


def nothing_was_held(simulator: WechatSimulator) -> None:
    assert simulator.orders() == []


def test_a_right_request_is_taken_and_its_answer_is_signed(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    reply = merchant.prepay("ORDER-1")
    assert reply.status == 200
    assert reply.json["code_url"].startswith("weixin://wxpay/bizpayurl?pr=")
    assert len(reply.json["code_url"]) <= 64
    assert (
        verify(merchant.identity, reply.headers, reply.body) == merchant.identity["public_key_id"]
    )
    assert reply.headers["Wechatpay-Signature-Type"] == "WECHATPAY2-SHA256-RSA2048"
    assert abs(int(reply.headers["Wechatpay-Timestamp"]) - time.time()) < 5
    assert reply.headers["Request-ID"].endswith("-0")


def test_the_order_of_the_five_values_is_free(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    target = f"/v3/pay/transactions/out-trade-no/ORDER-1?mchid={merchant.identity['mchid']}"
    scheme, _, rest = merchant.authorization("GET", target, b"").partition(" ")
    turned = ",".join(reversed(rest.split(",")))
    reply = merchant.call("GET", target, authorization=f"{scheme} {turned}")
    assert (reply.status, reply.code) == (404, "ORDER_NOT_EXIST")


@pytest.mark.parametrize(
    "serial", [None, "5157F09EFDC096DE15EBE81A47057A7232F1B8E1", "PUB_KEY_ID_9"]
)
def test_without_the_key_id_the_platform_certificate_signs(
    merchant: Merchant, serial: str | None
) -> None:
    reply = merchant.call(
        "POST", NATIVE, merchant.body("ORDER-1"), headers={"Wechatpay-Serial": serial}
    )
    used = verify(merchant.identity, reply.headers, reply.body)
    certificate = x509.load_pem_x509_certificate(
        merchant.identity["platform_certificate_pem"].encode()
    )
    assert used == f"{certificate.serial_number:040X}"
    assert len(used) == 40


def test_an_empty_answer_is_signed_too(merchant: Merchant) -> None:
    merchant.prepay("ORDER-1")
    reply = merchant.close("ORDER-1")
    assert (reply.status, reply.body) == (204, b"")
    assert "Content-Length" not in reply.headers
    verify(merchant.identity, reply.headers, b"")


def test_the_answers_signature_covers_every_byte(merchant: Merchant) -> None:
    reply = merchant.prepay("ORDER-1")
    with pytest.raises(InvalidSignature):
        verify(merchant.identity, reply.headers, reply.body + b" ")


@pytest.mark.parametrize("missing", ["User-Agent", "Accept"])
@pytest.mark.parametrize("target", ["/v3/certificates", "/v3/refund/domestic/refunds/R1"])
def test_missing_agent_or_accept_is_refused_before_the_signature(
    merchant: Merchant, missing: str, target: str
) -> None:
    reply = merchant.call("GET", target, headers={missing: None, "Authorization": "nonsense"})
    refused(reply, 400, "INVALID_REQUEST", "Http头缺少Accept或User-Agent")


def test_accepting_only_html_is_refused(merchant: Merchant) -> None:
    reply = merchant.call("GET", "/v3/certificates", headers={"Accept": "text/html"})
    refused(reply, 400, "INVALID_REQUEST")


def test_a_body_that_is_not_declared_as_json_is_refused(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = merchant.call("POST", NATIVE, merchant.body("ORDER-1"), headers=headers)
    refused(reply, 400, "PARAM_ERROR")
    nothing_was_held(simulator)


@pytest.mark.parametrize("given", [None, "Bearer abc"])
def test_no_signature_is_refused_in_the_words_of_the_pay_api(
    simulator: WechatSimulator, merchant: Merchant, given: str | None
) -> None:
    headers = {"Authorization": given}
    reply = merchant.call("POST", NATIVE, merchant.body("ORDER-1"), headers=headers)
    refused(reply, 401, "SIGN_ERROR", "签名信息错误，验签失败")
    reply = merchant.call("GET", "/v3/certificates", headers=headers)
    refused(reply, 401, "SIGN_ERROR", MALFORMED)
    nothing_was_held(simulator)


def test_another_scheme_is_refused(merchant: Merchant) -> None:
    right = merchant.authorization("GET", "/v3/certificates", b"")
    wrong = right.replace("WECHATPAY2-SHA256-RSA2048", "WECHATPAY2-SM2-WITH-SM3")
    reply = merchant.call("GET", "/v3/certificates", authorization=wrong)
    refused(reply, 401, "SIGN_ERROR", "HTTP头Authorization认证类型不正确")


def spoil(text: str, kind: str) -> str:
    scheme, _, rest = text.partition(" ")
    pairs = rest.split(",")
    return {
        "two spaces": f"{scheme}  {rest}",
        "comma and space": f"{scheme} {', '.join(pairs)}",
        "no quotes": text.replace('"', ""),
        "single quotes": text.replace('"', "'"),
        "four pairs": f"{scheme} {','.join(pairs[1:])}",
        "six pairs": f'{text},extra="1"',
        "one twice": f"{scheme} {','.join([pairs[0], *pairs[:4]])}",
        "trailing comma": f"{text},",
        "nothing": f"{scheme} ",
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "two spaces",
        "comma and space",
        "no quotes",
        "single quotes",
        "four pairs",
        "six pairs",
        "one twice",
        "trailing comma",
        "nothing",
    ],
)
def test_a_value_out_of_grammar_is_refused(
    simulator: WechatSimulator, merchant: Merchant, kind: str
) -> None:
    right = merchant.authorization("GET", "/v3/certificates", b"")
    reply = merchant.call("GET", "/v3/certificates", authorization=spoil(right, kind))
    refused(reply, 401, "SIGN_ERROR", MALFORMED)


@pytest.mark.parametrize(
    "changed",
    [{"nonce_str": "x" * 33}, {"nonce_str": ""}, {"nonce_str": "a-b"}, {"timestamp": "soon"}],
)
def test_a_nonce_or_time_out_of_form_is_refused(
    merchant: Merchant, changed: dict[str, str]
) -> None:
    value = merchant.authorization("GET", "/v3/certificates", b"", **changed)
    refused(
        merchant.call("GET", "/v3/certificates", authorization=value), 401, "SIGN_ERROR", MALFORMED
    )


@pytest.mark.parametrize("skew", [-310, 310])
def test_a_stale_request_is_refused_before_its_signature_is_looked_at(
    simulator: WechatSimulator, merchant: Merchant, skew: int
) -> None:
    value = merchant.authorization(
        "POST", NATIVE, b"{}", stamp=int(time.time()) + skew, signature="bm90IG9uZQ=="
    )
    reply = merchant.call("POST", NATIVE, b"{}", authorization=value)
    message = "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟"
    refused(reply, 401, "SIGN_ERROR", message)


@pytest.mark.parametrize("skew", [-290, 290])
def test_five_minutes_of_skew_are_allowed(merchant: Merchant, skew: int) -> None:
    value = merchant.authorization("GET", "/v3/certificates", b"", stamp=int(time.time()) + skew)
    assert merchant.call("GET", "/v3/certificates", authorization=value).status == 200


def test_a_shifted_clock_makes_every_request_stale(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    simulator.set_clock(600)
    refused(merchant.prepay("ORDER-1"), 401, "SIGN_ERROR")
    nothing_was_held(simulator)
    simulator.set_clock(0)
    assert merchant.prepay("ORDER-1").status == 200


def test_another_merchant_is_unknown(merchant: Merchant) -> None:
    value = merchant.authorization("GET", "/v3/certificates", b"", mchid="1900000000")
    reply = merchant.call("GET", "/v3/certificates", authorization=value)
    refused(reply, 401, "SIGN_ERROR", "商户未申请过证书。")


def test_another_serial_is_refused(merchant: Merchant) -> None:
    value = merchant.authorization("GET", "/v3/certificates", b"", serial_no="A" * 40)
    reply = merchant.call("GET", "/v3/certificates", authorization=value)
    message = "商户证书序列号有误。请使用签名私钥匹配的证书序列号"
    refused(reply, 401, "SIGN_ERROR", message)


def test_a_signature_over_another_body_is_refused(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    value = merchant.authorization("POST", NATIVE, b'{"amount":1}')
    reply = merchant.call("POST", NATIVE, merchant.body("ORDER-1"), authorization=value)
    refused(reply, 401, "SIGN_ERROR", "签名错误")
    nothing_was_held(simulator)


def test_a_signature_that_is_not_base64_is_refused(merchant: Merchant) -> None:
    value = merchant.authorization("GET", "/v3/certificates", b"", signature="a b")
    reply = merchant.call("GET", "/v3/certificates", authorization=value)
    refused(reply, 401, "SIGN_ERROR", "签名错误")


def test_the_query_string_is_part_of_what_is_signed(merchant: Merchant) -> None:
    path = "/v3/pay/transactions/out-trade-no/ORDER-1"
    target = f"{path}?mchid={merchant.identity['mchid']}"
    reply = merchant.call("GET", target, authorization=merchant.authorization("GET", path, b""))
    refused(reply, 401, "SIGN_ERROR", "签名错误")


def test_the_path_is_signed_as_it_was_sent_not_as_it_was_meant(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    merchant.prepay("A|B-ORDER")
    mchid = merchant.identity["mchid"]
    sent = f"/v3/pay/transactions/out-trade-no/A%7CB-ORDER?mchid={mchid}"
    meant = f"/v3/pay/transactions/out-trade-no/A|B-ORDER?mchid={mchid}"
    assert merchant.call("GET", sent).json["out_trade_no"] == "A|B-ORDER"
    reply = merchant.call("GET", sent, authorization=merchant.authorization("GET", meant, b""))
    refused(reply, 401, "SIGN_ERROR", "签名错误")


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/v3/nothing", 404),
        ("GET", "/", 200),
        ("DELETE", "/v3/certificates", 405),
        ("GET", "/v3/pay/transactions/native", 405),
        ("POST", "/v3/pay/transactions/facepay", 404),
    ],
)
def test_other_paths_and_methods(merchant: Merchant, method: str, target: str, status: int) -> None:
    reply = merchant.call(method, target)
    assert reply.status == status
    assert (reply.body == b"") == (status != 200)


def test_the_certificate_comes_encrypted_and_fits_its_serial(merchant: Merchant) -> None:
    reply = merchant.call("GET", "/v3/certificates", headers={"Wechatpay-Serial": None})
    (entry,) = reply.json["data"]
    sealed: dict[str, Any] = entry["encrypt_certificate"]
    pem = AESGCM(merchant.identity["apiv3_key"].encode()).decrypt(
        sealed["nonce"].encode(), base64.b64decode(sealed["ciphertext"]), b"certificate"
    )
    certificate = x509.load_pem_x509_certificate(pem)
    assert entry["serial_no"] == f"{certificate.serial_number:040X}"
    assert verify(merchant.identity, reply.headers, reply.body) == entry["serial_no"]
    assert pem.decode() == merchant.identity["platform_certificate_pem"]
