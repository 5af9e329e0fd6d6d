"""Every example of the documents, character by character: taken, or answered in its shape."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from gateway.api.kaigedian import notices
from orders.models import StoreOrder
from orders.services import store
from tests import cast
from tests.gateway.kaigedian.client import Partner, Refused
from tests.gateway.kaigedian.shop import Shop, order, written

EXAMPLES = json.loads(
    (Path(__file__).parents[2] / "vectors" / "kaigedian" / "examples.json").read_text()
)
REQUESTS = [
    each for each in EXAMPLES if each["call"].startswith("/order/") and "请求" in each["heading"]
]
ANSWERS = [
    each for each in EXAMPLES if each["call"].startswith("/order/") and "返回" in each["heading"]
]
PUSHES = [each for each in EXAMPLES if each["call"] == "由对接方提供"]
EXAMPLE_ORDER = REQUESTS[0]["text"]
OTHER_NUMBERS = ("142858598583644715", "12354545")
pytestmark = pytest.mark.django_db


def name(example: dict[str, str]) -> str:
    return f"{example['section']}-{example['heading']}-{len(example['text'])}"


def lenient(text: str) -> Any:
    """The documents' own answers have commas too many; ours may not."""
    return json.loads(re.sub(r",(\s*[}\]])", r"\1", text))


def test_no_example_of_the_documents_is_left_out():
    assert len(REQUESTS) == 9
    assert len(ANSWERS) == 8
    assert len(PUSHES) == 4
    assert len(EXAMPLES) == 21


@pytest.fixture
def numbered(partner: Partner) -> StoreOrder:
    """An order in the state that the examples need, under the number that they name."""
    number = partner.submit(order(orderStatus=1, payStatus=2))
    return StoreOrder.objects.get(order_no=number)


def rename(number: str, row: StoreOrder) -> None:
    """The documents' numbers are not of our form; nothing else about the order changes."""
    StoreOrder.objects.filter(pk=row.pk).update(order_no=number)


@pytest.mark.parametrize("example", REQUESTS, ids=name)
def test_every_request_of_the_documents_is_taken_as_it_is_printed(
    partner: Partner, numbered: StoreOrder, example: dict[str, str]
):
    call = example["call"].removeprefix("/order/")
    number = OTHER_NUMBERS[call not in ("queryDetail",)]
    rename(number, numbered)
    if call == "refundOperation":
        StoreOrder.objects.filter(pk=numbered.pk).update(status="accepted")
        store.operate(
            number, "request_refund", cast.MERCHANT_ACTOR, application=numbered.application,
            reason="cold",
        )  # fmt: skip
    answer = partner.text(call, example["text"])
    EXPECTED[call](partner, example["text"], number, answer)


def _submitted(partner: Partner, _text: str, _number: str, answer: Any) -> None:
    row = StoreOrder.objects.get(order_no=answer["orderCode"])
    # Of its two amounts the last counts; it is paid online and, it says, unpaid and to be accepted.
    assert (row.amount, row.original_amount) == (2000, 2500)
    assert (row.status, row.pay_status, row.pay_type) == ("paid", "unpaid", "online")
    assert (row.can_refund, row.gives_bonus, row.kind) == (False, False, "dine_in")
    said = partner.detail(answer["orderCode"])
    assert said["thirdOrderCode"] == ""
    assert (said["orderStatus"], said["payStatus"], said["payType"]) == (1, 1, 1)
    line = said["orderItemList"][0]
    assert (line["sharePrice"], line["productSharePrice"], line["unit"]) == (1800, 1800, "杯")


def _listed(_partner: Partner, text: str, _number: str, answer: Any) -> None:
    asked = json.loads(text)
    assert answer == {
        "total": 0,
        "count": asked["count"],
        "nextOrderCode": asked["nextOrderCode"],
        "nextStartTimestamp": asked["startTimestamp"],
        "itemList": [],
    }


def _detailed(_partner: Partner, text: str, number: str, answer: Any) -> None:
    assert [each["orderCode"] for each in answer] == [number] == json.loads(text)["orderCode"]


def _no_refunds(_partner: Partner, text: str, _number: str, answer: Any) -> None:
    assert (answer["total"], answer["itemList"]) == (0, [])
    assert answer["nextStartTimestamp"] == json.loads(text)["startTimestamp"]


def _states(_partner: Partner, _text: str, number: str, answer: Any) -> None:
    # The other of the two numbers is nobody's.
    assert answer == {"itemList": [{"orderCode": number, "orderStatus": "1"}]}


def _stepped(_partner: Partner, text: str, number: str, answer: Any) -> None:
    row = StoreOrder.objects.get(order_no=number)
    assert answer == ""
    if "超出配送返回" in text:
        assert (row.status, row.cancel_reason) == ("rejected", "超出配送返回")
    else:
        assert (row.status, row.cancel_reason) == ("accepted", "")
    assert row.operator == "MRX"


def _decided(_partner: Partner, _text: str, number: str, answer: Any) -> None:
    row = StoreOrder.objects.get(order_no=number)
    assert answer == ""
    assert (row.status, row.cancel_status, row.cancel_reason) == ("cancelled", "done", "cold")


def _cancelled(_partner: Partner, _text: str, number: str, answer: Any) -> None:
    row = StoreOrder.objects.get(order_no=number)
    assert answer == ""
    # Paid at the till: the money goes back there, and is only written down here.
    assert (row.status, row.cancel_kind, row.cancel_status) == ("cancelled", "merchant", "done")
    assert row.cancel_reason == "no reason given"


EXPECTED = {
    "submit": _submitted,
    "batchQuery": _listed,
    "queryDetail": _detailed,
    "queryRefundOrders": _no_refunds,
    "batchOrderStatus": _states,
    "statusOperation": _stepped,
    "refundOperation": _decided,
    "cancel": _cancelled,
}


@pytest.mark.parametrize("example", REQUESTS, ids=name)
def test_every_request_of_the_documents_means_nothing_to_another_merchant(
    shop: Shop, other: Shop, numbered: StoreOrder, example: dict[str, str]
):
    call = example["call"].removeprefix("/order/")
    number = OTHER_NUMBERS[call not in ("queryDetail",)]
    rename(number, numbered)
    before = written()
    if call in ("statusOperation", "refundOperation", "cancel"):
        with pytest.raises(Refused) as caught:
            other.partner.text(call, example["text"])
        refusal = (caught.value.code, caught.value.message)
        assert refusal == ("500", f"There is no order {number}.")
        assert written() == before
    elif call != "submit":
        said = other.partner.text(call, example["text"])
        assert said in ([], {"itemList": []}) or said["itemList"] == []
        assert written() == before


# --- answers ------------------------------------------------------------------------------


def answered(partner: Partner, example: dict[str, str]) -> Any:
    """Our answer where the documents show theirs."""
    number = partner.submit(order(mobile="13800138000"))
    now = int(timezone.now().timestamp() * 1000)
    row = StoreOrder.objects.get(order_no=number)
    span = {"startTimestamp": now - 60_000, "endTimestamp": now + 60_000, "storeId": "10001"}
    call = example["call"].removeprefix("/order/")
    if call in ("queryRefundOrders", "refundOperation"):
        partner.step(number, 3)
        store.operate(
            number, "request_refund", cast.MERCHANT_ACTOR, application=row.application, reason="x"
        )
    body: dict[str, Any] = {
        "submit": order(),
        "batchQuery": span,
        "queryDetail": {"orderCode": [number]},
        "queryRefundOrders": {**span, "refundstatus": [1]},
        "batchOrderStatus": {"orderCodes": [number]},
        "statusOperation": {"orderCode": number, "orderStatus": "3"},
        "refundOperation": {"orderCode": number, "action": 1},
        "cancel": {"orderCode": number, "reason": "cold"},
    }[call]
    envelope = partner.envelope(json.dumps(body, ensure_ascii=False))
    answer = partner.post(call, envelope)
    assert answer["statusCode"] == "100", answer["message"]
    if "responseBody" in lenient(example["text"]):
        return answer
    return json.loads(answer["responseBody"])


# The table (响应参数) says a number where the example shows text.
NUMBERS_THERE = {"total", "nextStartTimestamp"}


def same_shape(theirs: Any, ours: Any, where: str) -> None:
    """Everything that their example has stands in ours, in the same form."""
    if isinstance(theirs, dict):
        assert isinstance(ours, dict), where
        for key, value in theirs.items():
            assert key in ours, f"{where}.{key}"
            same_shape(value, ours[key], f"{where}.{key}")
    elif isinstance(theirs, list):
        assert isinstance(ours, list) and ours, where
        same_shape(theirs[0], ours[0], where)
    elif where.rpartition(".")[2] in NUMBERS_THERE:
        assert isinstance(ours, int), where
    else:
        assert type(ours) is type(theirs), where


@pytest.mark.parametrize("example", ANSWERS, ids=name)
def test_every_answer_of_the_documents_has_its_counterpart(
    partner: Partner, example: dict[str, str]
):
    theirs, ours = lenient(example["text"]), answered(partner, example)
    body = theirs.get("responseBody") if isinstance(theirs, dict) else None
    if isinstance(body, dict):
        # 公共参数 says text, and so do all later documents.
        ours["responseBody"] = json.loads(ours["responseBody"])
    same_shape(theirs, ours, "")


def test_an_answer_writes_every_field_of_the_table_as_the_table_says(partner: Partner):
    number = partner.submit(
        order(
            mobile="13800138000", pickUpGoodsNo="4578", longitude="121.34", latitude="31.43",
            deliverFee=5, packageFee="7", expectTime="1557389003", orderType=3,
            estimateDeliveryCompleteTime="2026-11-20 13:00:00",
        )
    )  # fmt: skip
    row = StoreOrder.objects.get(order_no=number)
    assert partner.detail(number) == {
        "orderCode": number,
        "thirdOrderCode": "1889943343",
        "storeId": "10001",
        "storeName": "开个店徐汇店",
        "actualPayAmount": 2000,
        "originalAmount": 2500,
        "barCounter": "06",
        "needInvoice": False,
        "orderClient": 15,
        "note": "少冰",
        "orderStatus": 1,
        "orderType": 3,
        "payChannel": "cash",
        "payChannelName": "现金",
        "payStatus": 2,
        "payType": 2,
        "payTime": "2026-11-20 12:30:00",
        "posCode": "39938289509032322",
        "operator": "MRX",
        "userId": "198004522",
        "userName": "张三",
        "pickUpGoodsNo": "4578",
        "createTime": china(row.created_at),
        "acceptTime": "",
        "pickUpTime": "",
        "deliveryTime": "",
        "estimateDeliveryCompleteTime": "2026-11-20 13:00:00",
        "actualArrivalTime": "",
        "receiveTime": "",
        "expectTime": "2019-05-09 16:03:23",
        "longitude": "121.34",
        "latitude": "31.43",
        "deliverFee": 5,
        "packageFee": 7,
        "mobile": "13800138000",
        "orderItemList": [
            {
                "productSeq": 1,
                "productId": "138418632407497998",
                "thirdProductId": "188453334",
                "productName": "测试商品",
                "productPrice": 2500,
                "productQuantity": 1,
                "sharePrice": 500,
                "productSharePrice": 500,
                "unit": "杯",
                "weight": 1500,
                "productSpecName": "大杯",
                "productProperty": "三分糖",
            }
        ],
    }


def china(at: datetime) -> str:
    return (at.astimezone(UTC) + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S")


# --- pushes -------------------------------------------------------------------------------


@pytest.mark.parametrize("example", [e for e in PUSHES if "请求" in e["heading"]], ids=name)
def test_every_push_of_the_documents_has_its_counterpart(partner: Partner, example: dict[str, str]):
    number = partner.submit(order())
    partner.cancel(number, "商家取消")
    row = StoreOrder.objects.get(order_no=number)
    is_refund = "refundStatus" in example["text"]
    kind = "store_order.refund_done" if is_refund else "store_order.cancelled"
    ours = json.loads(notices.body(row, kind, timezone.now()) or "")
    theirs = json.loads(example["text"])
    assert ours.keys() == theirs.keys()
    for key in theirs.keys() - {"orderCode", "timeStamp", "cancelType", "refundType"}:
        assert ours[key] == theirs[key]
    assert re.fullmatch("[0-9]{13}", ours["timeStamp"])


@pytest.mark.parametrize("example", [e for e in PUSHES if "返回" in e["heading"]], ids=name)
def test_every_acknowledgement_of_the_documents_is_one(example: dict[str, str]):
    assert notices.accepts(200, example["text"])


@pytest.mark.parametrize("unit", ["productWeightUnit", "unit", "productUnit"])
@pytest.mark.parametrize("share", ["productSharePrice", "sharePrice"])
def test_a_line_may_be_written_in_the_tables_names_or_in_the_examples(
    partner: Partner, unit: str, share: str
):
    line = {
        "productSeq": "1", "productId": 138, "productName": "茶", "productPrice": "25",
        "productQuantity": "2", unit: "瓶", share: "5",
    }  # fmt: skip
    number = partner.submit(order(orderItemList=[line], orderClient=24, storeId=10001))
    said = partner.detail(number)
    assert (said["orderClient"], said["storeId"]) == (24, "10001")
    (told,) = said["orderItemList"]
    assert (told["unit"], told["sharePrice"], told["productSharePrice"]) == ("瓶", 5, 5)
    assert (told["productPrice"], told["productQuantity"], told["productId"]) == (25, 2, "138")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("2026-11-20 12:30:00", "2026-11-20 12:30:00"),
        ("1557367505", "2019-05-09 10:05:05"),
        (1557367505, "2019-05-09 10:05:05"),
        (1557367505999, "2019-05-09 10:05:05"),
        ("12545445", "1970-05-26 12:50:45"),
    ],
)
def test_a_time_is_read_in_both_forms_and_told_in_chinas(partner: Partner, said, told):
    number = partner.submit(order(payTime=said))
    assert partner.detail(number)["payTime"] == told
