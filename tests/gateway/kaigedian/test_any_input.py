"""Whatever a partner signs: an answer in the envelope, never HTTP's 500, never half an effect."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.api.kaigedian import fields, inputs
from gateway.api.kaigedian.calls import CALLS
from gateway.api.kaigedian.errors import Failure
from orders.models import StoreItem, StoreOrder
from tests.gateway.kaigedian.shop import COURIER, ORDER, Shop, order, through, written

NAMES = sorted(
    {*ORDER, *ORDER["orderItemList"][0], *COURIER, "orderCode", "orderCodes", "action", "reason",
     "operator", "deliveryInfo", "timeout", "startTimestamp", "endTimestamp", "count",
     "nextOrderCode", "refundstatus", "orderClients", "payOrderNo", "mobile"}
)  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(10**40), 10**40), st.text(max_size=40),
    st.floats(), st.sampled_from(["", "0", "1", "3", "7", "-1", "１", "1e5", "\0", "\ud800", " "]),
    st.sampled_from(list(range(8)) + [31, 2**31, 2**63, 10**12, 10**12 + 1]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
CHANGES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6)
BASE: dict[str, dict[str, Any]] = {
    "submit": ORDER,
    "batchQuery": {"storeId": "10001"},
    "queryDetail": {"orderCode": ["1"]},
    "queryRefundOrders": {"storeId": "10001", "startTimestamp": 1, "endTimestamp": 2},
    "batchOrderStatus": {"orderCodes": ["1"]},
    "statusOperation": {"orderCode": "1", "orderStatus": "3"},
    "refundOperation": {"orderCode": "1", "action": 1},
    "cancel": {"orderCode": "1", "reason": "x"},
}
LIMITS = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)


def texts(call: str) -> st.SearchStrategy[str]:
    """A good request with some of it changed, dropped or said twice."""

    def write(changes: dict[str, Any], twice: dict[str, Any], dropped: set[str]) -> str:
        body = {**BASE[call], **changes}
        body = {name: value for name, value in body.items() if name not in dropped}
        text = json.dumps(body)
        again = json.dumps(twice)[1:-1]
        return text[:-1] + (", " if again and body else "") + again + "}"

    return st.builds(
        write,
        CHANGES,
        st.dictionaries(st.sampled_from(NAMES), SCALARS, max_size=1),
        st.sets(st.sampled_from(sorted(BASE[call])), max_size=1),
    )


@pytest.mark.django_db
@pytest.mark.parametrize("call", sorted(CALLS))
def test_whatever_is_signed_gets_an_answer_and_all_or_nothing(shop: Shop, call: str):
    number = shop.partner.submit(order(thirdOrderCode="there", orderStatus=3))

    @LIMITS
    @given(texts(call))
    def ask(text: str) -> None:
        before = written()
        body = text.replace('"1"', f'"{number}"', 1) if call != "submit" else text
        statuses: list[int] = []
        send = through(Client())

        def noting(path: str, headers: dict[str, str], content: bytes) -> tuple[int, bytes]:
            status, answered = send(path, headers, content)
            statuses.append(status)
            return status, answered

        shop.partner.send = noting
        # A lone half of a pair cannot be written as UTF-8 by anyone; escaped it can.
        envelope = shop.partner.envelope(body)
        answer = shop.partner.post(call, envelope)
        assert statuses == [200]
        assert answer["statusCode"] in ("100", "21", "500")
        assert answer["message"]
        if answer["statusCode"] != "100":
            assert answer["responseBody"] == ""
            assert written() == before
        elif call == "submit":
            code = json.loads(answer["responseBody"])["orderCode"]
            made = StoreOrder.objects.get(order_no=code)
            asked = json.loads(body).get("orderItemList") or []
            assert StoreItem.objects.filter(order=made).count() == len(asked)
            assert made.amount >= 0
        elif not CALLS[call].writes:
            assert written() == before

    ask()


@LIMITS
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda t: t.encode("utf-8", "replace")))
def test_whatever_bytes_come_the_decoder_answers_or_refuses(raw: bytes):
    text = raw.decode("utf-8", "replace")
    try:
        assert isinstance(fields.load(text), fields.Pairs)
    except Failure as failure:
        assert failure.code == "21"
        failure.message.encode()


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=12))
def test_whatever_object_comes_the_readers_answer_or_refuse(pairs: list[tuple[str, Any]]):
    def deep(value: Any) -> Any:
        if isinstance(value, dict):
            return fields.Pairs((name, deep(inner)) for name, inner in value.items())
        if isinstance(value, list):
            return [deep(inner) for inner in value]
        if isinstance(value, float):
            return fields.Fraction(repr(value))
        return value

    body = fields.Pairs((name, deep(value)) for name, value in pairs)
    for read in (
        lambda: inputs.submit(body, transaction="t", notify_url=""),
        lambda: inputs.listing(body, fields.from_ms(0)),
        lambda: inputs.refund_listing(body),
        lambda: inputs.numbers(body, most=10),
        lambda: inputs.step(body),
        lambda: inputs.decision(body),
        lambda: inputs.after_sale(body),
    ):
        try:
            read()
        except Failure as failure:
            assert failure.code == "21"
            failure.message.encode()


@LIMITS
@given(st.integers(0, fields.MS_MAX // 1000))
def test_a_time_is_the_same_however_it_is_written(seconds: int):
    at = fields.from_ms(seconds * 1000)
    assert fields.as_time(seconds, "t") == at or seconds > 9_999_999_999
    assert fields.as_time(str(seconds * 1000).zfill(11), "t") == at
    text = at.astimezone(fields.CHINA).strftime(fields.TIME_FORM)
    # An hour that China's clocks showed twice (1986 to 1991) is read as its first.
    again = fields.as_time(text, "t")
    assert again == at or again.astimezone(fields.CHINA).strftime(fields.TIME_FORM) == text
    assert fields.to_ms(at) == seconds * 1000
