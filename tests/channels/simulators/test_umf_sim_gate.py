"""What the simulated UMF refuses before it does anything, and how it signs its answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from channels.simulators.umf import UmfSimulator, credentials, keys, new_identity, simulator_half
from tests.channels.simulators.umf_client import ROOT, Till, answer_plain, request_plain

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/umf/vectors.json").read_text("utf-8"))


def texts(members: dict[str, Any]) -> dict[str, str]:
    return {name: "" if value is None else str(value) for name, value in members.items()}


def test_the_published_answers_are_what_this_wire_signs() -> None:
    for vector in VECTORS["published_response_vectors"]:
        assert keys.answered(texts(vector["response"])) == vector["plain"]
    plains = {one["id"]: (one["body"], one["plain"]) for one in VECTORS["generated"]}
    assert keys.asked(plains["orderquery_request"][0]) == plains["orderquery_request"][1]
    assert keys.answered(plains["orderquery_response"][0]) == plains["orderquery_response"][1]


def test_the_contract_for_scripts_has_these_names() -> None:
    identity = new_identity(mer_id="30000102")
    given = credentials(identity, "http://127.0.0.1:1")
    assert set(given) == {
        "base_url",
        "mer_id",
        "merchant_private_key_pem",
        "platform_public_key_pem",
    }
    assert (given["base_url"], given["mer_id"]) == ("http://127.0.0.1:1", "30000102")
    assert "merchant_private_key_pem" not in simulator_half(identity)
    json.dumps(identity)


def test_a_signature_has_172_characters(till: Till) -> None:
    members = till.signed(till.members("activescan"))
    assert len(members["sign"]) == 172
    assert len(till.ask("activescan")["sign"]) == 172


@pytest.mark.parametrize("form", ["", "escaped", "raw"])
def test_json_and_forms_are_taken(umf: UmfSimulator, till: Till, form: str) -> None:
    reply = till.post("activescan", till.signed(till.members("activescan")), form=form)
    answer = reply.json
    till.verify(answer_plain(answer), answer["sign"])
    assert answer["retCode"] == "0000"
    assert [order["our_no"] for order in umf.orders()] == ["ORDER-1"]


def test_a_form_may_quote_its_json_once_more(umf: UmfSimulator, till: Till) -> None:
    document = json.dumps(till.signed(till.members("activescan")), ensure_ascii=False)
    assert till.post("activescan", document, form="raw").json["retCode"] == "0000"


@pytest.mark.parametrize("path", ["/pay/orderquery", "/in-pay-client/pay/orderquery"])
def test_the_address_may_be_with_or_without_its_first_part(till: Till, path: str) -> None:
    till.ask("activescan")
    members = till.signed(till.members("orderquery"))
    assert till.post("", members, path=path).json["retCode"] == "03000000"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ROOT + "orderquery"), ("POST", ROOT + "nothing"), ("POST", "/orderquery")],
)
def test_other_paths_and_methods_are_not_there(till: Till, method: str, path: str) -> None:
    assert till.post("", {}, method=method, path=path).status == 404


def spoil(till: Till, how: str) -> dict[str, Any]:
    members = till.signed(till.members("activescan"))
    if how == "missing":
        del members["sign"]
    if how == "empty":
        members["sign"] = ""
    if how == "no base64":
        members["sign"] = "not one"
    if how == "another amount":
        members["amount"] = "1"
    if how == "one member more":
        members["operator"] = "someone"
    if how == "a stranger":
        stranger = new_identity()["merchant_private_key_pem"]
        members["sign"] = till.sign(request_plain(members), pem=stranger)
    if how == "as an answer":
        members["sign"] = till.sign(answer_plain(members))
    return members


@pytest.mark.parametrize(
    "how",
    [
        "missing",
        "empty",
        "no base64",
        "another amount",
        "one member more",
        "a stranger",
        "as an answer",
    ],
)
def test_a_wrong_signature_is_3333_and_nothing_is_held(
    umf: UmfSimulator, till: Till, how: str
) -> None:
    answer = till.post("activescan", spoil(till, how)).json
    assert (answer["retCode"], answer["retMsg"]) == ("3333", "验签失败")
    till.verify(answer_plain(answer), answer["sign"])
    assert umf.orders() == []


def test_empty_members_are_not_signed(umf: UmfSimulator, till: Till) -> None:
    assert till.code("activescan", notifyUrl="", goodsInfo=None) == "0000"


def test_members_that_nobody_knows_are_signed_too(umf: UmfSimulator, till: Till) -> None:
    assert till.code("activescan", shopNo="7", operator="小王") == "0000"


def test_a_number_is_signed_as_it_is_written(umf: UmfSimulator, till: Till) -> None:
    assert till.code("activescan", amount=100) == "0000"
    assert umf.orders()[0]["amount"] == 100


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"context=", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_object_is_9999(umf: UmfSimulator, till: Till, body: bytes) -> None:
    from tests.channels.simulators.wire_client import send

    reply = send(till.netloc, "POST", ROOT + "activescan", body, {"Host": till.netloc})
    assert (reply.status, reply.json["retCode"]) == (200, "9999")
    till.verify(answer_plain(reply.json), reply.json["sign"])
    assert umf.orders() == []


@pytest.mark.parametrize(
    ("op", "change", "name"),
    [
        ("activescan", {"orderId": None}, "orderId"),
        ("activescan", {"orderId": "x" * 65}, "orderId"),
        ("activescan", {"orderId": "A B"}, "orderId"),
        ("activescan", {"amount": "0"}, "amount"),
        ("activescan", {"amount": "-5"}, "amount"),
        ("activescan", {"amount": "1.00"}, "amount"),
        ("activescan", {"amount": "12345678901"}, "amount"),
        ("activescan", {"amount": True}, "amount"),
        ("activescan", {"payType": "BK"}, "payType"),
        ("activescan", {"payType": None}, "payType"),
        ("activescan", {"reqDate": "20261301"}, "reqDate"),
        ("activescan", {"reqDate": "2026-11-20"}, "reqDate"),
        ("activescan", {"reqTime": "250000"}, "reqTime"),
        ("activescan", {"merId": "30000000"}, "merId"),
        ("activescan", {"notifyUrl": "ftp://127.0.0.1/"}, "notifyUrl"),
        ("activescan", {"notifyUrl": "http://127.0.0.1/a b"}, "notifyUrl"),
        ("activescan", {"goodsInfo": "x" * 129}, "goodsInfo"),
        ("activescan", {"goodsInfo": {"nested": "1"}}, "goodsInfo"),
        ("unifiedcode", {"openId": None}, "openId"),
        ("unactivescan", {"mediaNo": None}, "mediaNo"),
        ("unactivescan", {"mediaNo": "284919586213926735"}, "mediaNo"),
        ("unactivescan", {"goodsId": None}, "goodsId"),
        ("orderquery", {"orderId": None}, "orderId"),
        ("orderquery", {"orderDate": "today"}, "orderDate"),
        ("refund", {"refundOrderId": None}, "refundOrderId"),
        ("refundquery", {"refundOrderId": None}, "refundOrderId"),
        ("repeal", {"orderDate": None}, "orderDate"),
        ("close", {"orderId": None}, "orderId"),
        ("getCollateFile", {"stlDate": None}, "stlDate"),
    ],
)
def test_a_member_out_of_form_is_named(
    umf: UmfSimulator, till: Till, op: str, change: dict[str, Any], name: str
) -> None:
    answer = till.ask(op, **change)
    assert answer["retCode"] == "88889001"
    assert name in answer["retMsg"]
    assert umf.orders() == []


@pytest.mark.parametrize(
    ("wallet", "media"),
    [("WX", "134919586213926735"), ("AL", "284919586213926735"), ("YL", "6255552359041786959")],
)
def test_each_wallet_has_its_own_payment_codes(
    umf: UmfSimulator, till: Till, wallet: str, media: str
) -> None:
    assert till.code("unactivescan", payType=wallet, mediaNo=media) == "0000"
    other = "YL" if wallet != "YL" else "WX"
    assert till.code("unactivescan", orderId="O-2", payType=other, mediaNo=media) == "88889001"


def test_an_answers_signature_covers_its_values(till: Till) -> None:
    answer = till.ask("activescan")
    with pytest.raises(InvalidSignature):
        till.verify(answer_plain(answer | {"amount": "101"}), answer["sign"])
