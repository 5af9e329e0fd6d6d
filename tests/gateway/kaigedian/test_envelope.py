"""The signed envelope: published vectors, who may come in, and what the others are told."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from django.test import Client, override_settings

from gateway import launch
from gateway.api.kaigedian import signing
from tests.gateway.kaigedian.client import Partner, Refused
from tests.gateway.kaigedian.shop import Shop, order, pair, through, written

VECTORS = json.loads(
    (Path(__file__).parents[2] / "vectors" / "kaigedian" / "vectors.json").read_text()
)
REQUEST, RESPONSE = VECTORS["request"], VECTORS["response"]
KEY = VECTORS["throwaway_public"]
pytestmark = pytest.mark.django_db


def test_the_published_request_is_reproduced():
    body = REQUEST["body"]
    assert signing.plain(body) == REQUEST["plain"]
    assert signing.verify(body, body["sign"], KEY)


def test_the_published_answer_is_reproduced():
    body = RESPONSE["body"]
    assert signing.plain(body) == RESPONSE["plain_INFERRED_same_rule"]
    assert signing.verify(body, body["sign"], KEY)


@pytest.mark.parametrize("name", ["ver", "partnerId", "appId", "requestBody"])
def test_one_changed_character_breaks_the_published_signature(name):
    body = {**REQUEST["body"], name: REQUEST["body"][name] + " "}
    assert not signing.verify(body, body["sign"], KEY)


def test_the_published_request_comes_in_at_the_door(shop: Shop):
    body = REQUEST["body"]
    shop.key.identity = f"{body['partnerId']}:{body['appId']}"
    shop.key.config["merchant_public_key_pem"] = KEY
    # Secrets are bound to the identity of their row.
    token = REQUEST["headers"]["access_token"]
    private = pair("platform")[0]
    shop.key.secrets = {"platform_private_key_pem": private, "access_token": token}
    shop.key.save()
    status, content = through(Client(headers={"accept-language": "en"}))(
        "/order/queryDetail", REQUEST["headers"], json.dumps(body).encode()
    )
    answer = json.loads(content)
    assert (status, answer["statusCode"], answer["responseBody"]) == (200, "100", "[]")
    shop.partner.verify(answer)


def test_a_signature_over_empty_values_is_taken_as_well(shop: Shop):
    """The documents leave empty values out, their Java demo only null ones."""
    partner = shop.partner
    envelope = partner.envelope('{"orderCode":["1"]}', extra="")
    assert partner.post("queryDetail", envelope)["statusCode"] == "100"
    plain = signing.plain({k: str(v) for k, v in envelope.items()}, with_empty=True)
    assert "extra=&" in plain
    private = signing.private_key(partner.private_key_pem)
    made = private.sign(plain.encode(), PKCS1v15(), SHA256())
    envelope["sign"] = base64.b64encode(made).decode()
    assert partner.post("queryDetail", envelope)["statusCode"] == "100"


@pytest.mark.parametrize("ver", ["1", 1])
def test_the_version_is_text_or_a_number(shop: Shop, ver):
    shop.partner.ver = ver
    assert shop.partner.call("queryDetail", {"orderCode": ["1"]}) == []


def test_the_answer_says_its_code_under_both_names_and_is_signed(partner: Partner):
    answer = partner.post("queryDetail", partner.envelope('{"orderCode":["1"]}'))
    assert {name: answer[name] for name in answer if name != "sign"} == {
        "ver": "1",
        "statusCode": "100",
        "code": "100",
        "message": "success",
        "responseBody": "[]",
    }
    with pytest.raises(InvalidSignature):
        partner.verify({**answer, "responseBody": "[1]"})


def test_a_partner_may_have_the_response_body_as_json_itself(shop: Shop):
    number = shop.partner.submit(order())
    shop.key.config["response_body_as_object"] = "1"
    shop.key.save()
    partner = shop.partner
    answer = partner.post("batchOrderStatus", partner.envelope(f'{{"orderCode":"{number}"}}'))
    assert answer["responseBody"] == {"itemList": [{"orderCode": number, "orderStatus": "1"}]}
    assert partner.detail(number)["storeName"] == "开个店徐汇店"
    partner.step(number, 3)  # an empty one stays ""


# --- who may not come in ------------------------------------------------------------------

TOKEN = "The partner, the application or the access token is wrong."


def refused(shop: Shop, code: str, message: str, http: int = 200, **changes: Any) -> None:
    """The exact answer, and that nothing was written."""
    before = written()
    partner = shop.partner
    headers = changes.pop("headers", {})
    fields = {**partner.envelope(json.dumps(order(), ensure_ascii=False)), **changes}
    fields = {name: value for name, value in fields.items() if value != "ABSENT"}
    answer = partner.post("submit", fields, **headers)
    assert (answer["statusCode"], answer["code"], answer["message"]) == (code, code, message)
    assert answer["responseBody"] == ""
    assert written() == before


@pytest.mark.parametrize("name", ["ver", "partnerId", "appId", "requestBody", "sign"])
@pytest.mark.parametrize("value", ["", None, "ABSENT"])
def test_every_field_of_the_envelope_is_needed(shop: Shop, name, value):
    refused(shop, "21", f"{name} is required.", **{name: value})


@pytest.mark.parametrize("name", ["ver", "partnerId", "requestBody", "sign"])
@pytest.mark.parametrize("value", [True, 1.5, [], {}, {"a": 1}, ["1"]])
def test_every_field_of_the_envelope_is_text(shop: Shop, name, value):
    refused(shop, "21", f"{name} must be text.", **{name: value})


def test_the_access_token_is_needed(shop: Shop):
    refused(shop, "21", "access_token is required.", headers={"access_token": ""})


@pytest.mark.parametrize("token", ["wrong", "token-of-B", "令牌".encode().decode("latin-1")])
def test_a_wrong_token_a_wrong_partner_and_a_wrong_application_sound_the_same(shop: Shop, token):
    refused(shop, "500", TOKEN, headers={"access_token": token})
    refused(shop, "500", TOKEN, partnerId="1")
    refused(shop, "500", TOKEN, appId="1")
    refused(shop, "500", TOKEN, appId="x" * 500)
    refused(shop, "500", TOKEN, appId="a\0b")


def test_another_partners_token_opens_nothing(shop: Shop, other: Shop):
    refused(shop, "500", TOKEN, headers={"access_token": other.partner.access_token})


@pytest.mark.parametrize("what", ["key", "application", "merchant"])
def test_what_is_switched_off_stays_outside(shop: Shop, what):
    row = {
        "key": shop.key,
        "application": shop.house.application,
        "merchant": shop.house.merchant,
    }[what]
    row.is_active = False
    row.save()
    message = TOKEN if what == "key" else "This application is switched off."
    refused(shop, "500", message)


@pytest.mark.parametrize("sign", ["AAAA", "not base64!", "é", "=", "A" * 3000])
def test_a_signature_that_is_none_is_refused(shop: Shop, sign):
    refused(shop, "500", "The signature is wrong.", sign=sign)


def test_what_was_changed_after_signing_is_refused(shop: Shop):
    partner = shop.partner
    good = json.dumps(order(), ensure_ascii=False)
    sign = partner.envelope(good)["sign"]
    changed = json.dumps(order(actualPayAmount=1), ensure_ascii=False)
    refused(shop, "500", "The signature is wrong.", requestBody=changed, sign=sign)
    # The same JSON in another spelling is another string.
    refused(shop, "500", "The signature is wrong.", requestBody=good + " ", sign=sign)
    refused(shop, "500", "The signature is wrong.", sign=sign, ver="2")


def test_another_partners_key_signs_nothing_here(shop: Shop, other: Shop):
    sign = other.partner.sign(shop.partner.envelope(json.dumps(order(), ensure_ascii=False)))
    refused(shop, "500", "The signature is wrong.", sign=sign)


def test_a_stranger_gets_no_signature(shop: Shop):
    answer = shop.partner.post("submit", shop.partner.envelope("{}", partnerId="9"))
    assert answer["sign"] == ""


def test_a_key_of_ours_that_cannot_be_read_is_said_and_recorded(shop: Shop, caplog):
    shop.key.secrets = {**shop.key.secrets, "platform_private_key_pem": "nonsense"}
    shop.key.save()
    status, content = shop.partner.send(
        "/order/queryDetail",
        {"access_token": shop.partner.access_token},
        json.dumps(shop.partner.envelope('{"orderCode":"1"}')).encode(),
    )
    assert status == 500
    answer = json.loads(content)
    assert (answer["statusCode"], answer["sign"]) == ("500", "")
    assert answer["message"] == "It was recorded. Name the request id when you ask about it."
    assert "nobody foresaw" in caplog.text and "nonsense" not in caplog.text


# --- bodies that are none -----------------------------------------------------------------

BODIES = [
    (b"", "The body is not JSON (line 1, column 1)."),
    (b"null", "The body must be one JSON object, in braces."),
    (b"[]", "The body must be one JSON object, in braces."),
    (b'"x"', "The body must be one JSON object, in braces."),
    (b'{"ver":"1",}', "The body is not JSON (line 1, column "),
    (b"\xff\xfe", "The body is not UTF-8 (byte 0)."),
    ('{"ver":"中"}'.encode("gbk"), "The body is not UTF-8 (byte 8)."),
    (b'{"ver":NaN}', "NaN is not a JSON value."),
    (b'{"ver":Infinity}', "Infinity is not a JSON value."),
    (b'{"ver":' + b"9" * 31 + b"}", "The body has a number of more than 30 digits."),
    (b'{"ver":"1","ver":"2"}', "The name “ver” stands in the body twice."),
    (b'{"ver":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "The body is nested too deeply."),
    (b'{"ver":"\\ud800"}', "ver has a control character."),
    (b'{"v\\u0000":"1"}', "v\0 must be text."),
    (b'{"\\ud800":"1"}', "? must be text."),
    (b"ver=1&sign=2", "The body is not JSON (line 1, column 1)."),
]


@pytest.mark.parametrize(("body", "message"), BODIES)
def test_a_body_that_is_none_is_refused_in_the_envelope(shop: Shop, body, message):
    answer = shop.partner.post("submit", body)
    assert answer["statusCode"] == "21"
    assert answer["message"].startswith(message)
    assert answer["sign"] == ""


def test_a_huge_body_is_refused_before_it_is_read(shop: Shop):
    with override_settings(MAX_BODY_BYTES=1000, DATA_UPLOAD_MAX_MEMORY_SIZE=1000):
        status, content = shop.partner.send("/order/submit", {}, b" " * 1001)
    assert status == 413
    answer = json.loads(content)
    assert answer["statusCode"] == "500"
    assert answer["message"] == "The body may have at most 1000 bytes."


def test_only_posts_to_the_eight_addresses_are_answered(shop: Shop):
    client = Client(headers={"accept-language": "en"})
    for method in ("get", "put", "delete", "patch", "head"):
        answer = getattr(client, method)("/order/submit")
        assert answer.status_code == 405
    for path in ("nothing", "submit/", "submit/x", "__init__"):
        answer = client.post(f"/order/{path}", b"{}", content_type="application/json")
        assert answer.status_code == 404
        assert json.loads(answer.content)["message"] == "There is nothing at this address."


def test_sentences_are_chinese_unless_the_caller_would_rather_have_english(shop: Shop):
    path, headers = "/order/submit", {"Content-Type": "application/json"}
    for language, message in (
        ("", "access_token 必填。"),
        ("zh-CN,en;q=0.5", "access_token 必填。"),
        ("fr", "access_token 必填。"),
        ("en-GB", "access_token is required."),
    ):
        client = Client(headers={"accept-language": language} if language else {})
        body = json.dumps(shop.partner.envelope("{}")).encode()
        _status, content = through(client)(path, headers, body)
        assert json.loads(content)["message"] == message


def test_the_web_server_lets_the_tokens_header_through(settings, tmp_path):
    """gunicorn drops header names with an underscore that it was not told of."""
    settings.HOME = tmp_path
    argv = launch._web(tmp_path).spawn.__closure__
    assert argv is not None
    said = [cell.cell_contents for cell in argv]
    command = next(each for each in said if isinstance(each, list))
    assert "ACCESS_TOKEN" in command[command.index("--forwarder-headers") + 1].split(",")


def test_a_refused_partner_sees_the_refusal(partner: Partner):
    with pytest.raises(Refused) as caught:
        partner.call("submit", {})
    assert (caught.value.code, caught.value.message) == ("21", "orderStatus is required.")
