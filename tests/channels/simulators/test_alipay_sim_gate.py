"""What the simulated gateway lets in, what it refuses, and how its answers are signed."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from channels.simulators.alipay import AlipaySimulator, credentials, new_identity, simulator_half
from channels.simulators.alipay.keys import cert_sn, root_cert_sn, sign_string
from tests.channels.simulators import alipay_client
from tests.channels.simulators.alipay_client import Shop, stamp

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/alipay/vectors.json").read_text("utf-8"))
BY_ID = {vector["id"]: vector for vector in VECTORS["vectors"]}
QUERY = "alipay.trade.query"
NOBODY = {"out_trade_no": "NOBODY"}
LET_IN = "40004 ACQ.TRADE_NOT_EXIST"
"""What a rightly signed question after an unknown trade is told."""

# --- the published vectors -------------------------------------------------------------------


def test_the_published_request_is_accepted_as_it_stands(
    make_alipay: Callable[..., AlipaySimulator], alipay_identity: dict[str, Any]
) -> None:
    vector = BY_ID["request_sign_rsa2"]
    identity = alipay_identity | {
        "app_id": vector["params"]["app_id"],
        "app_public_key_pem": VECTORS["keys"]["app_public_pem"],
    }
    simulator = make_alipay(identity=identity)
    shop = Shop(alipay_identity, simulator.base_url)
    simulator.set_clock(seconds_to("2025-11-20 09:30:00"))
    reply = shop.request(
        "GET", f"/gateway.do?{vector['wire_query']}", method="alipay.trade.precreate"
    )
    assert reply.node["out_trade_no"] == "PAY20251120000001"
    shop.verify(reply)
    assert simulator.orders()[0]["title"] == "测试商品 A&B=C+100%"

    changed = vector["wire_query"].replace("88.88", "88.89")
    reply = shop.request("GET", f"/gateway.do?{changed}", method="alipay.trade.precreate")
    assert reply.code == "40002 isv.invalid-signature"


def seconds_to(moment: str) -> float:
    now, then = (alipay_client.datetime.fromisoformat(text) for text in (stamp(), moment))
    return (then - now).total_seconds()


def test_the_published_strings_to_sign_and_signatures_are_reproduced() -> None:
    request, notify = BY_ID["request_sign_rsa2"], BY_ID["notify_rsa2"]
    pairs = [(name, value.encode()) for name, value in request["params"].items()]
    assert sign_string(pairs, without=("sign",)).decode() == request["sign_string"]
    fields = alipay_client.parse_qsl(notify["body"], keep_blank_values=True)
    message = sign_string(
        [(name, value.encode()) for name, value in fields], without=("sign", "sign_type")
    )
    assert message.decode() == notify["sign_string"]
    key = load_pem_public_key(VECTORS["keys"]["alipay_public_pem"].encode())
    key.verify(base64.b64decode(notify["signature"]), message, PKCS1v15(), SHA256())


def test_the_published_certificate_numbers_are_reproduced() -> None:
    vector = BY_ID["cert_sn"]
    for name in ("app", "alipay"):
        certificate = x509.load_pem_x509_certificate(vector[f"{name}_cert_pem"].encode())
        assert cert_sn(certificate) == vector[f"{name}_cert_sn"]
    assert root_cert_sn(vector["root_bundle_pem"]) == vector["alipay_root_cert_sn"]


# --- ways in ---------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["get", "post", "split"])
@pytest.mark.parametrize("sign_type", ["RSA2", "RSA"])
@pytest.mark.parametrize("certificates", [False, True])
def test_every_way_in_is_answered_with_a_signature_of_its_kind(
    alipay: AlipaySimulator,
    alipay_identity: dict[str, Any],
    how: str,
    sign_type: str,
    certificates: bool,
) -> None:
    shop = Shop(alipay_identity, alipay.base_url, certificates=certificates, sign_type=sign_type)
    biz = shop.order("ORDER1")
    reply = shop.call("alipay.trade.precreate", biz, how=how)
    assert (reply.status, reply.code) == (200, "10000")
    shop.verify(reply)
    assert set(reply.json) == {"alipay_trade_precreate_response", "sign"} | (
        {"alipay_cert_sn"} if certificates else set()
    )


def test_certificate_mode_names_the_certificate_whose_key_signed(
    alipay: AlipaySimulator, alipay_identity: dict[str, Any]
) -> None:
    shop = Shop(alipay_identity, alipay.base_url, certificates=True)
    reply = shop.call(QUERY, NOBODY)
    their = x509.load_pem_x509_certificate(alipay_identity["alipay_cert_pem"].encode())
    assert reply.json["alipay_cert_sn"] == alipay_client.cert_sn(their)
    with pytest.raises(InvalidSignature):
        plain = alipay_identity["alipay_public_key_pem"].encode()
        shop.verify(reply, key=load_pem_public_key(plain))


def test_the_absolute_form_of_a_target_is_understood(alipay: AlipaySimulator, shop: Shop) -> None:
    params = shop.params(QUERY, NOBODY)
    reply = shop.request("GET", f"{alipay.base_url}/gateway.do?{urlencode(params)}", method=QUERY)
    assert reply.code == LET_IN
    foreign = f"http://gateway.example/gateway.do?{urlencode(params)}"
    assert shop.request("GET", foreign).status == 421


def test_biz_content_counts_byte_for_byte(shop: Shop) -> None:
    """Escaped, spaced or not: what was signed is what arrived."""
    for content in (
        '{"out_trade_no":"NOBODY"}',
        '{ "out_trade_no" : "\\u004eOBODY" }',
        '{"out_trade_no":"NOBODY","query_options":["\\u6d4b"]}',
        '{"out_trade_no":"NOBODY","query_options":["测"]}',
    ):
        assert shop.call(QUERY, content).code == LET_IN
    params = shop.params(QUERY, '{"out_trade_no":"NOBODY"}')
    reply = shop.send(QUERY, params | {"biz_content": '{"out_trade_no": "NOBODY"}'})
    assert reply.code == "40002 isv.invalid-signature"


def test_empty_parameters_do_not_count(shop: Shop) -> None:
    assert shop.call(QUERY, NOBODY, notify_url="", app_auth_token="").code == LET_IN


# --- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"method": None}, "40001 isv.missing-method"),
        ({"app_id": None}, "40001 isv.missing-app-id"),
        ({"sign": None}, "40001 isv.missing-signature"),
        ({"sign_type": None}, "40001 isv.missing-signature-type"),
        ({"timestamp": None}, "40001 isv.missing-timestamp"),
        ({"version": None}, "40001 isv.missing-version"),
        ({"app_id": "2014072300007149"}, "40002 isv.invalid-app-id"),
        ({"method": "alipay.trade.give"}, "40002 isv.invalid-method"),
        ({"sign_type": "MD5"}, "40002 isv.invalid-signature-type"),
        ({"charset": None}, "40002 isv.invalid-charset"),
        ({"charset": "gbk"}, "40002 isv.invalid-charset"),
        ({"format": "XML"}, "40002 isv.invalid-format"),
        ({"version": "2.0"}, "40002 isv.invalid-parameter"),
        ({"encrypt_type": "AES"}, "40002 isv.invalid-encrypt-type"),
        ({"sign": "QUJD"}, "40002 isv.invalid-signature"),
        ({"sign": "not base64"}, "40002 isv.invalid-signature"),
        ({"app_cert_sn": "0" * 32}, "40002 isv.missing-signature-config"),
        ({"alipay_root_cert_sn": "0" * 32}, "40002 isv.missing-signature-config"),
        ({"timestamp": "2025-11-20T09:30:00"}, "40002 isv.invalid-timestamp"),
        ({"timestamp": "2025-13-45 09:30:00"}, "40002 isv.invalid-timestamp"),
    ],
)
def test_a_refused_request_is_told_why_with_http_200(
    alipay: AlipaySimulator, shop: Shop, changed: dict[str, str | None], code: str
) -> None:
    method = "alipay.trade.precreate"
    reply = shop.call(method, shop.order("ORDER1"), **changed)
    assert (reply.status, reply.code) == (200, code)
    assert alipay.orders() == []


def test_a_refusal_is_signed_unless_the_application_is_unknown(shop: Shop) -> None:
    reply = shop.call(QUERY, NOBODY, sign="QUJD")
    shop.verify(reply)
    reply = shop.call("alipay.trade.give", NOBODY)
    assert set(reply.json) == {"error_response", "sign"}
    shop.verify(reply, name="error_response")
    for changed in ({"app_id": "2014072300007149"}, {"app_id": None}):
        reply = shop.call(QUERY, NOBODY, **changed)
        assert set(reply.json) == {"error_response"}


@pytest.mark.parametrize(("seconds", "code"), [(890, LET_IN), (-890, LET_IN)])
def test_a_timestamp_may_be_fifteen_minutes_away(shop: Shop, seconds: int, code: str) -> None:
    assert shop.call(QUERY, NOBODY, timestamp=stamp(seconds)).code == code


@pytest.mark.parametrize("seconds", [910, -910, 8 * 3600])
def test_a_timestamp_further_away_is_refused(shop: Shop, seconds: int) -> None:
    """Eight hours: the time of a machine that forgot that Alipay lives in China."""
    reply = shop.call(QUERY, NOBODY, timestamp=stamp(seconds))
    assert reply.code == "40002 isv.invalid-timestamp"


def test_another_keys_signature_and_another_hash_are_refused(
    alipay: AlipaySimulator, shop: Shop, alipay_identity: dict[str, Any]
) -> None:
    stranger = new_identity(app_id=alipay_identity["app_id"])
    assert Shop(stranger, alipay.base_url).call(QUERY, NOBODY).code == "40002 isv.invalid-signature"
    params = shop.params(QUERY, NOBODY, sign_type="RSA2", sign="x")
    params["sign"] = shop.sign(alipay_client.sign_string(params, "sign"), "RSA")
    assert shop.send(QUERY, params).code == "40002 isv.invalid-signature"


def test_sign_type_is_part_of_what_is_signed(shop: Shop) -> None:
    params = shop.params(QUERY, NOBODY)
    params["sign"] = shop.sign(alipay_client.sign_string(params, "sign", "sign_type"))
    assert shop.send(QUERY, params).code == "40002 isv.invalid-signature"


def test_a_parameter_given_twice_is_refused(shop: Shop) -> None:
    params = shop.params(QUERY, NOBODY)
    target = f"/gateway.do?{urlencode(params)}&app_id={params['app_id']}"
    assert shop.request("GET", target, method=QUERY).code == "40002 isv.invalid-signature"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "null",
        "{",
        '{"out_trade_no":"A","out_trade_no":"B"}',
        '{"out_trade_no":null}',
        '{"out_trade_no":5}',
        '{"out_trade_no":"has-dash"}',
        '{"out_trade_no":"' + "A" * 65 + '"}',
        '{"out_trade_number":"ORDER1"}',
        '{"a":' + "[" * 5000 + "]" * 5000 + "}",
    ],
)
def test_biz_content_that_is_not_understood_is_an_invalid_parameter(
    shop: Shop, content: str
) -> None:
    reply = shop.call(QUERY, content)
    assert reply.code == "40004 ACQ.INVALID_PARAMETER"
    shop.verify(reply)


@pytest.mark.parametrize("amount", ["0", "0.00", "-1.00", "1.005", "1e2", "01.00", "1,00", "١", ""])
def test_sums_that_are_no_yuan_are_refused(
    alipay: AlipaySimulator, shop: Shop, amount: str
) -> None:
    assert shop.precreate("ORDER1", amount).code == "40004 ACQ.INVALID_PARAMETER"
    assert alipay.orders() == []


def test_a_sum_as_a_json_number_or_above_a_hundred_million_is_refused(shop: Shop) -> None:
    biz = shop.order("ORDER1") | {"total_amount": 1.0}
    assert shop.call("alipay.trade.precreate", biz).code == "40004 ACQ.INVALID_PARAMETER"
    assert shop.precreate("ORDER1", "100000000.01").code == "40004 ACQ.INVALID_PARAMETER"
    assert shop.precreate("ORDER1", "100000000.00").code == "10000"


def test_bytes_that_are_not_utf8_are_refused(shop: Shop) -> None:
    params = shop.params(QUERY, NOBODY)
    pairs = [(k, v.encode()) for k, v in params.items() if k not in ("sign", "biz_content")]
    pairs.append(("biz_content", b'{"out_trade_no":"\xff"}'))
    sign = shop.sign(sign_string(pairs, without=("sign",)))
    reply = shop.request("POST", "/gateway.do", urlencode([*pairs, ("sign", sign)]), method=QUERY)
    assert reply.code == "40002 isv.invalid-charset"


def test_other_paths_and_verbs_are_not_the_gateway(shop: Shop) -> None:
    assert shop.request("GET", "/nothing").status == 404
    assert shop.request("PUT", "/gateway.do").status == 405
    assert shop.request("GET", "/bill/download?token=x").status == 403
    assert shop.request("GET", "/cashier?token=x").status == 404
    assert shop.request("GET", "/qr/x").status == 404
    assert shop.request("POST", "/cashier/pay", "token=x").status == 404


def test_a_foreign_host_name_reaches_nothing(alipay: AlipaySimulator, shop: Shop) -> None:
    connection = http.client.HTTPConnection(shop.netloc, timeout=10)
    connection.request("GET", "/gateway.do", headers={"Host": "evil.example"})
    assert connection.getresponse().status == 421
    connection.close()


# --- identities ------------------------------------------------------------------------------


def test_credentials_are_what_the_contract_names(alipay_identity: dict[str, Any]) -> None:
    given = credentials(alipay_identity, "http://127.0.0.1:1")
    assert set(given) == {
        "gateway_url",
        "app_id",
        "app_private_key_pem",
        "alipay_public_key_pem",
    }
    assert given["gateway_url"] == "http://127.0.0.1:1/gateway.do"
    more = credentials(alipay_identity, "http://127.0.0.1:1", certificates=True)
    assert set(more) - set(given) == {"app_cert_pem", "alipay_cert_pem", "alipay_root_cert_pem"}
    assert "app_private_key_pem" not in simulator_half(alipay_identity)


def test_the_simulator_works_without_the_merchants_private_key(
    make_alipay: Callable[..., AlipaySimulator], alipay_identity: dict[str, Any]
) -> None:
    simulator = make_alipay(identity=simulator_half(alipay_identity))
    assert Shop(alipay_identity, simulator.base_url).precreate("ORDER1").code == "10000"
