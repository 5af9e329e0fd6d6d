"""What bad input gets at this door: the exact code and sentence, and nothing written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import OperationalError

from gateway.api.kaigedian import calls
from orders.models import StoreOrder
from tests.gateway.kaigedian.client import Partner, Refused
from tests.gateway.kaigedian.shop import COURIER, ORDER, Shop, order, written

pytestmark = pytest.mark.django_db
ABSENT = Ellipsis
"""Leaves the field out. Its name is the same in every test process."""
LINE = ORDER["orderItemList"][0]
WHOLE = "%s must be a whole number from %s to %s."
AMOUNT_MAX = 10**12


def refusal(partner: Partner, call: str, body: Any) -> tuple[str, str]:
    """Code and sentence, after checking that nothing was written."""
    before = written()
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    with pytest.raises(Refused) as caught:
        partner.text(call, text)
    assert written() == before
    return caught.value.code, caught.value.message


def without(fields: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    made = {**fields, **changes}
    return {name: value for name, value in made.items() if value is not ABSENT}


# --- submit -------------------------------------------------------------------------------

REQUIRED = (
    "storeId", "storeName", "actualPayAmount", "originalAmount", "canRefund", "orderClient",
    "orderStatus", "orderType", "userId", "needBonus",
)  # fmt: skip
"""必传 是, in the table of 下单."""
LINE_REQUIRED = ("productSeq", "productId", "productName", "productPrice", "productQuantity")


@pytest.mark.parametrize("name", REQUIRED)
def test_an_order_needs_what_the_table_says(partner: Partner, name):
    for value in (ABSENT, None, ""):
        asked = without(ORDER, {name: value})
        assert refusal(partner, "submit", asked) == ("21", f"{name} is required.")


@pytest.mark.parametrize("name", LINE_REQUIRED)
def test_a_line_needs_what_the_table_says(partner: Partner, name):
    for value in (ABSENT, None, ""):
        asked = order(orderItemList=[LINE, without(LINE, {name: value})])
        message = f"orderItemList[1].{name} is required."
        assert refusal(partner, "submit", asked) == ("21", message)


AMOUNTS = (-1, "-1", 1.5, "1.5", 1.0, "1.0", "1e3", " 1", "+1", "一", "１", True, [], {}, [1],
           AMOUNT_MAX + 1, str(AMOUNT_MAX + 1), 10**29, "9" * 40, "0x10")  # fmt: skip


@pytest.mark.parametrize("name", ["actualPayAmount", "originalAmount", "deliverFee"])
def test_an_amount_is_whole_fen(partner: Partner, name):
    expected = WHOLE % (name, 0, AMOUNT_MAX)
    for value in AMOUNTS:
        assert refusal(partner, "submit", order(**{name: value})) == ("21", expected), value


def test_a_price_is_whole_fen(partner: Partner):
    expected = WHOLE % ("orderItemList[0].productPrice", 0, AMOUNT_MAX)
    for value in AMOUNTS:
        asked = order(orderItemList=[{**LINE, "productPrice": value}])
        assert refusal(partner, "submit", asked) == ("21", expected), value


CONTROL = "%s has a control character."
CHOICE = "%s must be one of %s."
SUBMIT_TABLE = [
    ({"thirdOrderCode": "a b"},
     "thirdOrderCode must be 1 to 64 printable ASCII characters without spaces."),
    ({"thirdOrderCode": "单号"},
     "thirdOrderCode must be 1 to 64 printable ASCII characters without spaces."),
    ({"thirdOrderCode": "x" * 65},
     "thirdOrderCode has 65 characters; at most 64 are allowed."),
    ({"storeId": "x" * 65}, "storeId has 65 characters; at most 64 are allowed."),
    ({"storeId": ["10001"]}, "storeId must be text."),
    ({"storeId": {"a": 1}}, "storeId must be text."),
    ({"storeId": True}, "storeId must be text."),
    ({"storeId": 1.5}, "storeId must be text."),
    ({"storeId": " "}, "storeId is required."),
    ({"storeName": "名" * 129}, "storeName has 129 characters; at most 128 are allowed."),
    ({"note": "a\0b"}, CONTROL % "note"),
    ({"note": "\ud800"}, CONTROL % "note"),
    ({"note": "x" * 1025}, "note has 1025 characters; at most 1024 are allowed."),
    ({"note": "x" * 257}, "note has 257 characters; at most 256 are allowed."),
    ({"barCounter": "x" * 33}, "barCounter has 33 characters; at most 32 are allowed."),
    ({"canRefund": "yes"}, "canRefund must be true or false."),
    ({"canRefund": 1}, "canRefund must be true or false."),
    ({"needInvoice": []}, "needInvoice must be true or false."),
    ({"needBonus": 2}, CHOICE % ("needBonus", "0, 1")),
    ({"needBonus": True}, CHOICE % ("needBonus", "0, 1")),
    ({"orderStatus": 8}, CHOICE % ("orderStatus", "1, 2, 3, 4, 5, 6, 7, 31")),
    ({"orderStatus": "paid"}, CHOICE % ("orderStatus", "1, 2, 3, 4, 5, 6, 7, 31")),
    ({"orderType": 0}, CHOICE % ("orderType", "1, 2, 3, 4, 5, 6")),
    ({"payType": 3}, CHOICE % ("payType", "1, 2")),
    ({"payStatus": 5}, CHOICE % ("payStatus", "1, 2, 3, 4")),
    ({"orderClient": -1}, WHOLE % ("orderClient", 0, 32767)),
    ({"orderClient": 32768}, WHOLE % ("orderClient", 0, 32767)),
    ({"payTime": "2026-13-01 00:00:00"}, "payTime must be a time: "),
    ({"payTime": "2026-02-30 00:00:00"}, "payTime must be a time: "),
    ({"payTime": "1969-12-31 23:59:59"}, "payTime must be a time: "),
    ({"payTime": "0000-00-00 00:00:00"}, "payTime must be a time: "),
    ({"payTime": "2026-11-20"}, "payTime must be a time: "),
    ({"payTime": "2026-11-20T12:00:00Z"}, "payTime must be a time: "),
    ({"payTime": -1}, "payTime must be a time: "),
    ({"payTime": 1.5}, "payTime must be a time: "),
    ({"payTime": "9" * 16}, "payTime must be a time: "),
    ({"payTime": 10**15}, "payTime must be a time: "),
    ({"orderItemList": {}}, "orderItemList must be a list."),
    ({"orderItemList": "[]"}, "orderItemList must be a list."),
    ({"orderItemList": [1]}, "orderItemList[0] must be an object."),
    ({"orderItemList": [[]]}, "orderItemList[0] must be an object."),
    ({"orderItemList": [LINE] * 201}, "orderItemList may have at most 200."),
    ({"orderItemList": [{**LINE, "productQuantity": 0}]},
     WHOLE % ("orderItemList[0].productQuantity", 1, 2**31 - 1)),
    ({"orderItemList": [{**LINE, "weight": -5}]},
     WHOLE % ("orderItemList[0].weight", 0, 2**31 - 1)),
    ({"orderItemList": [{**LINE, "sharePrice": 1}]},
     "orderItemList[0].productSharePrice and orderItemList[0].sharePrice say different things."),
    ({"orderItemList": [{**LINE, "unit": "瓶"}]},
     "orderItemList[0].productWeightUnit and orderItemList[0].unit say different things."),
    ({"orderItemList": [{**LINE, "productName": "名" * 129}]},
     "orderItemList[0].productName has 129 characters; at most 128 are allowed."),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), SUBMIT_TABLE, ids=lambda value: str(value)[:40])
def test_an_order_that_breaks_a_rule_is_refused_by_name(partner: Partner, changes, message):
    code, said = refusal(partner, "submit", json.dumps({**ORDER, **changes}))
    assert code == "21"
    assert said.startswith(message)
    assert StoreOrder.objects.count() == 0


BROKEN = [
    ("", "requestBody is required."),
    ("null", "The body must be one JSON object, in braces."),
    ("[]", "The body must be one JSON object, in braces."),
    ("{", "The body is not JSON (line 1, column 2)."),
    ("{}{}", "The body is not JSON (line 1, column 3)."),
    ('{"storeId":"1",}', "The body is not JSON (line 1, column 1"),
    ('{"storeId":NaN}', "NaN is not a JSON value."),
    ('{"a":' + "1" * 31 + "}", "The body has a number of more than 30 digits."),
    ('{"a":' + "[" * 50_000 + "]" * 50_000 + "}", "The body is nested too deeply."),
    ('{"storeId":"1","storeId":"2"}', "The name “storeId” stands in the body twice."),
]


@pytest.mark.parametrize("call", sorted(calls.CALLS))
def test_a_request_body_that_is_none_is_refused(partner: Partner, call):
    for text, message in BROKEN:
        code, said = refusal(partner, call, text)
        assert code == "21"
        assert said.startswith(message)


def test_a_line_that_says_one_thing_twice_is_refused_with_its_place(partner: Partner):
    text = json.dumps(ORDER).replace('"productSeq"', '"productSeq": 7, "productSeq"')
    said = refusal(partner, "submit", text)
    message = "The name “orderItemList[0].productSeq” stands in the body twice."
    assert said == ("21", message)


def test_of_two_amounts_the_last_that_is_a_whole_number_counts(partner: Partner):
    text = json.dumps(ORDER)
    for said, amount in (
        ('"1889943343", "actualPayAmount": 2000', 2000),
        ('2000, "actualPayAmount": "x"', 2000),
        ('2000, "actualPayAmount": null', 2000),
        ('-5, "actualPayAmount": "30"', 30),
    ):
        again = text.replace('"actualPayAmount": 2000', f'"actualPayAmount": {said}')
        again = again.replace("1889943343", f"N{amount}-{len(said)}", 1)
        number = partner.text("submit", again)["orderCode"]
        assert StoreOrder.objects.get(order_no=number).amount == amount
    wrong = text.replace('"actualPayAmount": 2000', '"actualPayAmount": "x","actualPayAmount":-1')
    expected = WHOLE % ("actualPayAmount", 0, AMOUNT_MAX)
    assert refusal(partner, "submit", wrong) == ("21", expected)


def test_the_same_number_with_other_content_is_refused(partner: Partner):
    number = partner.submit(order())
    assert partner.submit(order()) == number
    for changes, differs in (
        ({"actualPayAmount": 1999}, "actualPayAmount"),
        ({"storeId": "10002"}, "storeId"),
        ({"orderItemList": []}, "orderItemList"),
        ({"barCounter": "07"}, "barCounter"),
    ):
        assert refusal(partner, "submit", order(**changes)) == (
            "500",
            f"thirdOrderCode 1889943343 is already used by an order with another {differs}.",
        )
    assert StoreOrder.objects.count() == 1


# --- lists --------------------------------------------------------------------------------

SPAN = {"storeId": "10001", "startTimestamp": 1, "endTimestamp": 2}
MS_MAX = 253_402_214_400_000
CODE = "nextOrderCode must be one that an earlier answer gave."
LIST_TABLE = [
    ({"storeId": ABSENT}, "storeId is required."),
    ({"storeId": "x" * 65}, "storeId has 65 characters; at most 64 are allowed."),
    ({"startTimestamp": -1}, WHOLE % ("startTimestamp", 0, MS_MAX)),
    ({"startTimestamp": "2026-11-20 00:00:00"}, WHOLE % ("startTimestamp", 0, MS_MAX)),
    ({"endTimestamp": 2**63 - 1}, WHOLE % ("endTimestamp", 0, MS_MAX)),
    ({"endTimestamp": 1.5}, WHOLE % ("endTimestamp", 0, MS_MAX)),
    ({"count": 0}, WHOLE % ("count", 1, 10**9)),
    ({"count": -1}, WHOLE % ("count", 1, 10**9)),
    ({"count": "ten"}, WHOLE % ("count", 1, 10**9)),
    ({"nextOrderCode": "' OR 1=1 --"}, CODE),
    ({"nextOrderCode": "x" * 81}, "nextOrderCode has 81 characters; at most 80 are allowed."),
    ({"nextOrderCode": ["1"]}, "nextOrderCode must be text."),
]


@pytest.mark.parametrize(("changes", "message"), LIST_TABLE, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("call", ["batchQuery", "queryRefundOrders"])
def test_a_list_with_a_filter_that_is_none_is_refused(partner: Partner, call, changes, message):
    assert refusal(partner, call, without(SPAN, changes)) == ("21", message)


STATUSES = "1, 2, 3, 4, 5, 6, 7, 31"


@pytest.mark.parametrize(
    ("call", "changes", "message"),
    [
        ("batchQuery", {"orderStatus": [1, 9]}, CHOICE % ("orderStatus", STATUSES)),
        ("batchQuery", {"orderStatus": "all"}, CHOICE % ("orderStatus", STATUSES)),
        ("batchQuery", {"orderStatus": [[1]]}, CHOICE % ("orderStatus", STATUSES)),
        ("batchQuery", {"orderStatus": [1] * 101}, "orderStatus may have at most 100."),
        ("batchQuery", {"orderClients": ["x"]}, WHOLE % ("orderClients", 0, 32767)),
        ("batchQuery", {"orderClients": {"a": 1}}, WHOLE % ("orderClients", 0, 32767)),
        ("queryRefundOrders", {"refundstatus": [4]}, CHOICE % ("refundstatus", "1, 3, 5")),
        ("queryRefundOrders", {"startTimestamp": ABSENT}, "startTimestamp is required."),
        ("queryRefundOrders", {"endTimestamp": ABSENT}, "endTimestamp is required."),
        (
            "queryRefundOrders",
            {"refundstatus": [1], "refundStatus": [3]},
            "refundstatus and refundStatus say different things.",
        ),
    ],
)
def test_a_list_with_a_number_that_is_none_is_refused(partner: Partner, call, changes, message):
    assert refusal(partner, call, without(SPAN, changes)) == ("21", message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "orderCode is required."),
        ({"orderCode": []}, "orderCode is required."),
        ({"orderCode": ""}, "orderCode is required."),
        ({"orderCode": [""]}, "orderCode is required."),
        ({"orderCode": None}, "orderCode is required."),
        ({"orderCode": [None]}, "orderCode must be text."),
        ({"orderCode": {"a": 1}}, "orderCode must be text."),
        ({"orderCode": [["1"]]}, "orderCode must be text."),
        ({"orderCode": ["x" * 129]}, "orderCode has 129 characters; at most 128 are allowed."),
        ({"orderCode": "1", "orderCodes": "2"}, "orderCode and orderCodes say different things."),
        ({"orderCode": ["a\0"]}, "orderCode has a control character."),
    ],
)
@pytest.mark.parametrize("call", ["queryDetail", "batchOrderStatus", "statusOperation"])
def test_orders_are_named_in_text(partner: Partner, call, body, message):
    asked = {**body, "orderStatus": 3} if call == "statusOperation" else body
    assert refusal(partner, call, asked) == ("21", message)


def test_at_most_ten_details_and_a_hundred_states_at_once(partner: Partner):
    codes = [str(number) for number in range(101)]
    assert partner.call("queryDetail", {"orderCode": codes[:10]}) == []
    assert partner.call("batchOrderStatus", {"orderCodes": codes[:100]}) == {"itemList": []}
    said = refusal(partner, "queryDetail", {"orderCode": codes[:11]})
    assert said == ("21", "orderCode may have at most 10.")
    said = refusal(partner, "batchOrderStatus", {"orderCode": codes})
    assert said == ("21", "orderCode may have at most 100.")


# --- operations ---------------------------------------------------------------------------

STEP = {"orderStatus": "3"}
STEPS = "3, 4, 5, 7, 31"
OPERATION_TABLE = [
    ("statusOperation", {"orderStatus": ABSENT}, "21", "orderStatus is required."),
    ("statusOperation", {"orderStatus": "1"}, "21", CHOICE % ("orderStatus", STEPS)),
    ("statusOperation", {"orderStatus": "6"}, "21", CHOICE % ("orderStatus", STEPS)),
    ("statusOperation", {"orderStatus": 3.0}, "21", CHOICE % ("orderStatus", STEPS)),
    ("statusOperation", {"orderStatus": "x"}, "21", CHOICE % ("orderStatus", STEPS)),
    ("statusOperation", {"orderStatus": "7"}, "21", "reason is required."),
    ("statusOperation", {"reason": "x" * 257}, "21",
     "reason has 257 characters; at most 256 are allowed."),
    ("statusOperation", {"operator": "x" * 65}, "21",
     "operator has 65 characters; at most 64 are allowed."),
    ("statusOperation", {"timeout": 7}, "21",
     CHOICE % ("timeout", "5, 10, 15, 20, 30, 45, 60, 120, 180, 360")),
    ("statusOperation", {"deliveryInfo": "me"}, "21", "deliveryInfo must be an object."),
    ("statusOperation", {"deliveryInfo": []}, "21", "deliveryInfo must be an object."),
    ("statusOperation", {"deliveryInfo": {}}, "21", "deliveryInfo.contactsName is required."),
    ("statusOperation", {"deliveryInfo": {"contactsName": "李四"}}, "21",
     "deliveryInfo.mobile is required."),
    ("statusOperation", {"deliveryInfo": {**COURIER, "mobile": "1" * 33}, "orderStatus": 4}, "21",
     "deliveryInfo.mobile has 33 characters; at most 32 are allowed."),
    ("statusOperation", {"orderStatus": 4}, "21", "deliveryInfo is required."),
    ("refundOperation", {"action": ABSENT}, "21", "action is required."),
    ("refundOperation", {"action": 3}, "21", CHOICE % ("action", "1, 2")),
    ("refundOperation", {"action": True}, "21", CHOICE % ("action", "1, 2")),
    ("cancel", {"reason": ABSENT}, "21", "reason is required."),
    ("cancel", {"reason": None}, "21", "reason is required."),
    ("cancel", {"reason": ["x"]}, "21", "reason must be text."),
]  # fmt: skip


@pytest.mark.parametrize(("call", "changes", "code", "message"), OPERATION_TABLE,
                         ids=lambda value: str(value)[:40])  # fmt: skip
def test_an_operation_that_breaks_a_rule_is_refused(partner: Partner, call, changes, code, message):
    number = partner.submit(order(orderType=3))
    body = {
        "statusOperation": STEP,
        "refundOperation": {"action": 1},
        "cancel": {"reason": "cold"},
    }[call]
    asked = without({"orderCode": number, **body}, changes)
    if asked.get("orderStatus") == 4:
        partner.step(number, 3)  # only then may a courier take it
    assert refusal(partner, call, asked) == (code, message)


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("statusOperation", STEP),
        ("refundOperation", {"action": 1}),
        ("cancel", {"reason": "cold"}),
    ],
)
def test_an_operation_is_about_one_order_that_is_there(partner: Partner, other: Shop, call, body):
    mine, theirs = partner.submit(order()), other.partner.submit(order())
    said = refusal(partner, call, {**body, "orderCode": [mine, theirs]})
    assert said == ("21", "Name exactly one order, in orderCode.")
    for number in (theirs, "nothing", "1" * 128, "%", "' OR 1=1 --"):
        said = refusal(partner, call, {**body, "orderCode": number})
        assert said == ("500", f"There is no order {number}.")


def test_another_merchants_orders_are_not_shown(partner: Partner, other: Shop):
    mine, theirs = partner.submit(order()), other.partner.submit(order())
    assert mine != theirs
    assert partner.call("queryDetail", {"orderCode": [theirs]}) == []
    states = partner.call("batchOrderStatus", {"orderCodes": [theirs, mine]})
    assert states == {"itemList": [{"orderCode": mine, "orderStatus": "1"}]}
    page = partner.call("batchQuery", {"storeId": "10001"})
    assert [each["orderCode"] for each in page["itemList"]] == [mine]


def test_an_order_code_is_ours_and_not_the_merchants(partner: Partner):
    partner.submit(order())
    assert partner.call("queryDetail", {"orderCode": ["1889943343"]}) == []


# --- when something of ours is away -------------------------------------------------------


def test_a_database_that_is_away_is_said_and_the_request_may_come_again(
    shop: Shop, monkeypatch, caplog
):
    def away(*_args: Any, **_more: Any) -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(calls.store, "create", away)
    code, message = refusal(shop.partner, "submit", ORDER)
    assert (code, message) == ("500", "Please try again in a moment.")
    assert "nobody foresaw" in caplog.text


def test_a_mistake_of_ours_is_recorded_and_tells_nothing(shop: Shop, monkeypatch, caplog):
    def broken(*_args: Any, **_more: Any) -> None:
        raise RuntimeError("secret inner thing")

    monkeypatch.setattr(calls.store, "create", broken)
    code, message = refusal(shop.partner, "submit", ORDER)
    expected = "It was recorded. Name the request id when you ask about it."
    assert (code, message) == ("500", expected)
    assert "secret inner thing" in caplog.text


def test_refund_decisions_without_a_request_are_refused(partner: Partner):
    number = partner.submit(order())
    for action in (1, 2):
        said = refusal(partner, "refundOperation", {"orderCode": number, "action": action})
        assert said == ("500", "No refund of this order is waiting for a decision.")
