"""The published samples, byte for byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from channels.base import Outcome, PayState, QueryPay, Response
from channels.umf import keys, signing
from channels.umf.answers import BadAnswer, json_object, verified
from channels.umf.channel import UmfChannel
from tests.channels import umf_cast as cast

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors/umf/vectors.json").read_text("utf-8")
)
PUBLISHED = VECTORS["published_response_vectors"]
MADE = {vector["id"]: vector for vector in VECTORS["generated"]}
PLATFORM_TEST = VECTORS["published_platform_test_public_key_pem"]


@pytest.mark.parametrize("vector", PUBLISHED, ids=lambda vector: vector["source"])
def test_published_answer_is_signed_as_values_in_the_order_of_their_names(vector: Any) -> None:
    data = json_object(cast.dumped(vector["response"]))
    assert signing.answering(data) == vector["plain"]
    assert signing.is_signed(keys.public_key(PLATFORM_TEST), vector["plain"], data["signature"])


@pytest.mark.parametrize("vector", PUBLISHED, ids=lambda vector: vector["source"])
def test_published_signature_fits_no_changed_answer(vector: Any) -> None:
    key = keys.public_key(PLATFORM_TEST)
    given = vector["response"]["signature"]
    assert not signing.is_signed(key, vector["plain"] + "0", given)
    assert not signing.is_signed(key, vector["plain"], given[:-4] + "AAA=")
    assert not signing.is_signed(key, vector["plain"], "no base64!")


def test_order_query_s_request_is_signed_as_names_and_values() -> None:
    vector = MADE["orderquery_request"]
    body = vector["body"]
    assert signing.asking(body) == vector["plain"]
    key = keys.public_key(VECTORS["keys"]["merchant_public"])
    assert signing.is_signed(key, vector["plain"], body["sign"])


def test_our_order_query_has_the_members_of_the_vector_in_their_order() -> None:
    vector = MADE["orderquery_request"]["body"]
    command = QueryPay(order_no=vector["orderId"], amount=1)
    request = UmfChannel().encode(command, cast.account(), now=cast.NOW, nonce="")
    ours = json.loads(request.body)
    assert list(ours) == list(vector)
    # The vector's number does not tell its date; ours do.
    expected = {**vector, "orderDate": ""}
    del ours["sign"], expected["sign"]
    assert ours == expected


def test_order_query_s_answer_is_read_as_paid() -> None:
    vector = MADE["orderquery_response"]
    account = cast.account(platform_public_key_pem=VECTORS["keys"]["platform_public"])
    body = cast.dumped(vector["body"])
    assert signing.answering(vector["body"]) == vector["plain"]
    result = UmfChannel().decode(
        QueryPay(order_no="1509518653211", amount=8888),
        Response(status=200, headers={}, body=body),
        account,
        now=cast.NOW,
        nonce="",
    )
    assert (result.outcome, result.state, result.amount) == (Outcome.DONE, PayState.PAID, 8888)
    assert result.out_no == "2017110114440000000001"


def test_answer_of_the_vector_under_another_key_is_not_believed() -> None:
    body = cast.dumped(MADE["orderquery_response"]["body"])
    with pytest.raises(BadAnswer) as caught:
        verified(Response(status=200, headers={}, body=body), cast.account())
    assert caught.value.code == "BAD_SIGNATURE"


@pytest.mark.parametrize(
    ("data", "plain"),
    [
        ({"b": "2", "a": "1", "sign": "x", "signature": "y"}, "1|2"),
        ({"retCode": "0000", "Memo": "好"}, "好|0000"),
        ({"a": "", "b": None, "c": "0"}, "0"),
        ({"b": {"d": "4", "c": "3"}, "a": "1", "e": "5"}, "1|3|4|5"),
        ({"a": ["1", {"c": "3", "b": "2"}]}, "1|2|3"),
        ({"a": True, "b": 7}, "true|7"),
    ],
)
def test_values_stand_in_the_order_of_their_names_and_nested_ones_in_place(
    data: dict[str, Any], plain: str
) -> None:
    assert signing.answering(data) == plain


def test_acknowledgement_has_the_published_form() -> None:
    """ "PayResultNotify|20180316|88800D****|20180316|163323|0000"."""
    body = cast.dumped(
        {
            "funCode": "PayResultNotify",
            "orderDate": "20180316",
            "partnerOrderId": "88800D",
            "reqDate": "20180316",
            "reqTime": "163323",
            "tradeState": "TRADE_SUCCESS",
        }
    )
    status, content_type, answer = UmfChannel().acknowledge(body, cast.account())
    data = json.loads(answer)
    assert (status, content_type) == (200, "application/json")
    given = data.pop("sign")
    assert data == {
        "funCode": "PayResultNotify",
        "orderDate": "20180316",
        "partnerOrderId": "88800D",
        "reqDate": "20180316",
        "reqTime": "163323",
        "retCode": "0000",
        "retMsg": "",
    }
    plain = "PayResultNotify|20180316|88800D|20180316|163323|0000"
    assert signing.is_signed(cast.merchant_key.public_key(), plain, given)
