"""Sharing money at 知晓云's door: done once, told truly, and in doubt never sent again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from channels.base import AllocationState, Outcome, RefundState, ShareState
from orders.models import (
    AllocationOrder,
    AllocationReceiver,
    ChannelCall,
    PayOrder,
    RefundOrder,
    ShareReturn,
)
from tests import cast
from tests.gateway.minapp.conftest import (
    ALIPAY,
    APPID,
    MCH_ID,
    PARTNER,
    REFUND,
    WECHAT,
    Baas,
    paid,
    receiver,
    refused,
    written,
)

pytestmark = pytest.mark.django_db
SINGLE, MULTI = f"{WECHAT}/profit-sharing/", f"{WECHAT}/multi-profit-sharing/"
FINISH, BACK = f"{WECHAT}/profit-sharing/order/finish/", f"{WECHAT}/profit-sharing/order/refund/"
SPLITS = f"{WECHAT}/profit-sharing/order/"
NEED = "profit-sharing/receiver/"


# --- sharing ------------------------------------------------------------------------------------


def share(order: PayOrder, *, amount: int = 1000, **changes: Any) -> dict[str, Any]:
    part = {**PARTNER, "amount": amount, "description": "分到商户"}
    return {"trade_no": order.order_no, "appid": APPID, "receivers": [part], **changes}


@pytest.fixture
def order(house: cast.House) -> PayOrder:
    receiver(house)
    return paid(house, sharing=True)


@pytest.mark.parametrize(("path", "finishes"), [(SINGLE, True), (MULTI, False)])
def test_one_sharing_sets_the_rest_free_and_several_do_not(baas: Baas, order, path, finishes):
    answer = baas.post(path, share(order))
    row = AllocationOrder.objects.get()
    assert answer.json() == {
        "return_code": "PROCESSING",
        "trade_no": order.order_no,
        "allocation_no": row.allocation_no,
        "appid": APPID,
        "mch_id": MCH_ID,
        "wechat_order_no": "",
    }
    assert (row.finishes, row.amount, row.title) == (finishes, 1000, "分到商户")
    assert cast.open_kinds(row) == ["allocate"]


def test_the_same_sharing_asked_for_again_is_the_same_sharing(baas: Baas, order):
    first = baas.post(MULTI, share(order)).json()
    before = written()
    assert baas.post(MULTI, share(order)).json() == first
    assert written() == before
    row = AllocationOrder.objects.get()
    cast.shares_end(row, ShareState.SUCCESS)
    told = baas.post(MULTI, share(order)).json()
    assert told == {**first, "return_code": "SUCCESS", "wechat_order_no": "3008"}
    assert AllocationOrder.objects.count() == 1


def test_a_second_equal_sharing_needs_another_key(baas: Baas, order):
    baas.post(MULTI, share(order))
    cast.shares_end(AllocationOrder.objects.get(), ShareState.SUCCESS)
    again = baas.post(MULTI, share(order), idempotency_key="second").json()
    assert again["return_code"] == "PROCESSING"
    assert AllocationOrder.objects.count() == 2
    assert cast.reload(order).shared == 2000


@pytest.mark.parametrize(
    ("code", "told"),
    [("SYSTEM_ERROR", "SYSTEMERROR"), ("FREQUENCY_LIMITED", "FREQUENCY_LIMITED"),
     ("NO_ANSWER", "SYSTEMERROR")],
)  # fmt: skip
def test_a_doubt_is_told_as_one_and_never_sent_again(baas: Baas, order, code, told):
    """order.md: 请发工单联系客服,不要重复调用接口,否则可能造成资金损失."""
    baas.post(SINGLE, share(order))
    row = AllocationOrder.objects.get()
    cast.channel_says(row, Outcome.UNKNOWN, code=code, message="系统错误")
    for _ in range(3):
        message = (
            f"{told}: The channel's answer is in doubt ({code}) and is being asked for. "
            "Do not share again in another way: the same request will say what became of it."
        )
        refused(baas.post(SINGLE, share(order)), 500, message)
    assert ChannelCall.objects.filter(kind="allocate").count() == 1


def test_in_doubt_another_sharing_of_the_order_is_refused(baas: Baas, order):
    baas.post(MULTI, share(order))
    row = AllocationOrder.objects.get()
    cast.channel_says(row, Outcome.UNKNOWN, code="SYSTEM_ERROR")
    for body, key in ((share(order, amount=1), ""), (share(order), "other key")):
        answer = baas.post(MULTI, body, x_idempotency_key=key.replace(" ", "-"))
        message = "A sharing of this order is not finished yet; there can be one at a time."
        refused(answer, 400, message)
    assert AllocationOrder.objects.count() == 1


def test_a_refused_sharing_is_an_error_each_time(baas: Baas, order):
    baas.post(SINGLE, share(order))
    row = AllocationOrder.objects.get()
    cast.channel_says(row, Outcome.REFUSED, code="RULE_LIMIT", message="超过分账比例")
    for _ in range(2):
        refused(baas.post(SINGLE, share(order)), 400, "RULE_LIMIT: 超过分账比例")
    assert ChannelCall.objects.filter(kind="allocate").count() == 1


def test_descriptions_of_several_receivers_are_all_told(baas: Baas, house, order):
    receiver(house, account="1900000110")
    parts = [
        {"type": "MERCHANT_ID", "account": account, "amount": 10, "description": text}
        for account, text in (("1900000109", "甲"), ("1900000110", "乙"))
    ]
    assert baas.post(MULTI, share(order, receivers=parts)).status_code == 200
    assert AllocationOrder.objects.get().title == "甲; 乙"


def test_alipay_shares_in_fen_too(baas: Baas, house):
    receiver(house, "alipay", "2088101126765726")
    order = paid(house, "alipay", sharing=True)
    part = {"type": "userId", "account": "2088101126765726", "amount": 10, "description": "x"}
    body = {"trade_no": order.order_no, "receivers": [part]}
    told = baas.post(f"{ALIPAY}/profit-sharing/", body).json()
    row = AllocationOrder.objects.get()
    assert told == {
        "return_code": "10003",
        "trade_no": order.order_no,
        "allocation_no": row.allocation_no,
    }
    assert (row.amount, row.finishes) == (10, False)


def test_what_cannot_be_shared_says_why(baas: Baas, other: Baas, house, order):
    plain, of_alipay = paid(house), paid(house, "alipay")
    before = written()
    unknown = {**PARTNER, "account": "1900000199", "amount": 1, "description": "x"}
    for client, body, status, message in (
        (other, share(order), 404, f"There is no order {order.order_no}."),
        (baas, share(order, trade_no="nothing"), 404, "There is no order nothing."),
        (baas, share(of_alipay), 400, "trade_no: This order was not paid by wechat."),
        (baas, share(order, appid="wx-other"), 400, f"appid: The account has {APPID}."),
        (baas, share(plain), 400,
         "The order was made without sharing, so its money was never set aside for it."),
        (baas, share(order, receivers=[unknown]), 400,
         "receivers[0].account: This receiver was never added; add it first."),
        (baas, share(order, amount=3001), 400,
         "receivers: ¥30.01 is more than the ¥30.00 that can still be shared."),
        (baas, share(order, receivers=share(order)["receivers"] * 2), 400,
         "receivers: A receiver may stand in one allocation once."),
    ):  # fmt: skip
        refused(client.post(MULTI, body), status, message)
    assert written() == before


# --- finishing ----------------------------------------------------------------------------------


def finish(order: PayOrder) -> dict[str, str]:
    return {"trade_no": order.order_no, "appid": APPID, "description": "分账已完成"}


def test_a_finish_is_asked_for_once_and_told_truly(baas: Baas, order):
    refused(baas.post(FINISH, finish(order)), 400,
            "trade_no: Nothing of this order was shared, so nothing is held back.")  # fmt: skip
    baas.post(MULTI, share(order))
    row = AllocationOrder.objects.get()
    cast.shares_end(row, ShareState.SUCCESS)
    first = baas.post(FINISH, finish(order))
    assert (first.status_code, first.json()["return_code"]) == (200, "PROCESSING")
    assert baas.post(FINISH, finish(order)).json() == first.json()
    assert ChannelCall.objects.filter(kind="finish_allocation").count() == 1
    cast.channel_says(row, Outcome.DONE, state=AllocationState.FINISHED)
    for _ in range(2):
        assert baas.post(FINISH, finish(order)).json() == {
            "return_code": "SUCCESS",
            "trade_no": order.order_no,
            "allocation_no": row.allocation_no,
            "appid": APPID,
            "mch_id": MCH_ID,
            "wechat_order_no": "3008",
        }
    assert ChannelCall.objects.filter(kind="finish_allocation").count() == 1


# --- returns ------------------------------------------------------------------------------------


@pytest.fixture
def split(baas: Baas, order: PayOrder) -> AllocationOrder:
    baas.post(MULTI, share(order, amount=3000))
    row = AllocationOrder.objects.get()
    cast.shares_end(row, ShareState.SUCCESS)
    return cast.reload(row)


def back(split: AllocationOrder, **changes: Any) -> dict[str, Any]:
    asked = {"trade_no": split.allocation_no, "appid": APPID, "refund_no": "SB-1", **PARTNER,
             "amount": 100, "description": "用户退款"}  # fmt: skip
    return {**asked, **changes}


def test_a_share_is_fetched_back_once_per_number(baas: Baas, split):
    told = baas.post(BACK, back(split)).json()
    expected = {
        "return_code": "SUCCESS",
        "appid": APPID,
        "mch_id": MCH_ID,
        "refund_no": "SB-1",
        "wechat_refund_no": "",
        "result": "PROCESSING",
        "amount": 100,
        "description": "用户退款",
        "account_type": "MERCHANT_ID",
        "account": "1900000109",
        "fail_reason": None,
        "finish_time": None,
    }
    assert told == expected
    assert baas.post(BACK, back(split)).json() == expected
    row = ShareReturn.objects.get()
    assert cast.open_kinds(row) == ["return_share"]
    cast.channel_says(row, Outcome.DONE, state=RefundState.SUCCESS, out_no="3009")
    asked = {"trade_no": split.allocation_no, "appid": APPID, "refund_no": "SB-1"}
    found = baas.get(BACK, asked).json()
    assert (found["result"], found["wechat_refund_no"]) == ("SUCCESS", "3009")
    assert len(found["finish_time"]) == 14
    assert found["account"] == "1****9"
    other = baas.post(BACK, back(split, amount=101))
    refused(other, 400, "refund_no SB-1 is already used by an order with another amount.")
    assert ShareReturn.objects.count() == 1


def test_what_cannot_be_fetched_back_says_why(baas: Baas, other: Baas, split):
    before = written()
    number = split.allocation_no
    for client, body, status, message in (
        (other, back(split), 404, f"There is no order {number}."),
        (baas, back(split, trade_no="x"), 404, "There is no order x."),
        (baas, back(split, account="1900000199"), 400,
         "account: This receiver has no share of this split order."),
        (baas, back(split, appid="wx"), 400, f"appid: The account has {APPID}."),
        (baas, back(split, amount=3001), 400,
         "The amount must be from 1 to 3000 fen."),
        (baas, back(split, refund_no="a b"), 400,
         "refund_no must be 1 to 64 printable ASCII characters without spaces."),
    ):  # fmt: skip
        refused(client.post(BACK, body), status, message)
    assert written() == before
    asked = {"trade_no": number, "appid": APPID, "refund_no": "SB-9"}
    refused(baas.get(BACK, asked), 404, "There is no order SB-9.")
    refused(baas.get(BACK, {"trade_no": number}), 400, "appid: Is required.")


# --- receivers ----------------------------------------------------------------------------------

NEW = {"mch_id": MCH_ID, "appid": APPID, **PARTNER, "relation_type": "PARTNER", "name": "青茶铺"}
OLD = {"mch_id": MCH_ID, "appid": APPID, **PARTNER}


def test_a_receiver_is_added_and_removed(baas: Baas, house):
    told = baas.post(f"{WECHAT}/{NEED}", NEW).json()
    row = AllocationReceiver.objects.get()
    assert told == {
        "return_code": "PROCESSING",
        "appid": APPID,
        "receiver": '{"type":"MERCHANT_ID","account":"1900000109","relation_type":"PARTNER"}',
        "mch_id": MCH_ID,
    }
    assert (row.receiver_type, row.account_no, row.name) == ("merchant_no", "1900000109", "青茶铺")
    cast.channel_says(row, Outcome.DONE, state=AllocationState.FINISHED)
    assert baas.post(f"{WECHAT}/{NEED}", NEW).json() == {**told, "return_code": "SUCCESS"}
    gone = baas.post(f"{WECHAT}/{NEED}remove/", OLD).json()
    assert gone["return_code"] == "PROCESSING"
    assert json.loads(gone["receiver"]) == PARTNER
    cast.channel_says(row, Outcome.DONE, state=AllocationState.FINISHED)
    for _ in range(2):
        assert baas.post(f"{WECHAT}/{NEED}remove/", OLD).json()["return_code"] == "SUCCESS"
    assert cast.reload(row).status == "unbound"
    assert AllocationReceiver.objects.count() == 1


def test_a_receiver_that_the_channel_refuses_is_an_error(baas: Baas, house):
    baas.post(f"{WECHAT}/{NEED}", NEW)
    row = AllocationReceiver.objects.get()
    cast.channel_says(row, Outcome.REFUSED, code="NO_SUCH", message="商户不存在")
    # The channel's no is told to whoever waited for it; asked again, it is tried again.
    assert baas.post(f"{WECHAT}/{NEED}", NEW).json()["return_code"] == "PROCESSING"


def test_alipays_receivers_are_added_listed_and_removed(baas: Baas, house):
    path = f"{ALIPAY}/{NEED}"
    people = [
        {"type": "userId", "account": f"208810112676572{n}", "name": "张三"} for n in range(3)
    ]
    body = {"request_no": "1", "receivers": people}
    assert baas.post(path, body).json() == {"result_code": "SUCCESS", "return_code": "10003"}
    for row in AllocationReceiver.objects.all():
        cast.channel_says(row, Outcome.DONE, state=AllocationState.FINISHED)
    assert baas.post(path, body).json() == {"result_code": "SUCCESS", "return_code": "10000"}
    found = baas.get(path, {"request_no": "2", "page_num": "2", "page_size": "2"}).json()
    assert found == {
        "current_page_num": 2,
        "current_page_size": 2,
        "receiver_list": [{"type": "userId", "account": "208****722"}],
        "total_page_num": 2,
        "total_record_num": 3,
        "result_code": "SUCCESS",
        "return_code": "10000",
    }
    gone = {"request_no": "3", "receivers": people[:1]}
    assert baas.post(f"{path}remove/", gone).json()["return_code"] == "10003"
    refused(baas.get(path), 400, "request_no: Is required.")


def test_what_is_no_receiver_is_named(baas: Baas, house):
    before = written()
    for path, body, status, message in (
        (f"{WECHAT}/{NEED}", {**NEW, "type": "PERSONAL_WECHATID"}, 400,
         "type: Must be one of MERCHANT_ID, PERSONAL_OPENID."),
        (f"{WECHAT}/{NEED}", {**NEW, "mch_id": "1"}, 400,
         f"mch_id: The account has {MCH_ID}."),
        (f"{WECHAT}/{NEED}", {**NEW, "name": None}, 400, "name: Is required."),
        (f"{WECHAT}/{NEED}", {**NEW, "relation_type": "CUSTOM"}, 400,
         "custom_relation: Is required."),
        (f"{WECHAT}/{NEED}remove/", OLD, 404, "This receiver was never added."),
        (f"{WECHAT}/{NEED}remove/", NEW, 400, "relation_type: There is no such field here."),
        (f"{ALIPAY}/{NEED}", {"request_no": "1", "receivers": []}, 400,
         "receivers: Must be a list of 1 to 20 objects."),
    ):  # fmt: skip
        refused(baas.post(path, body), status, message)
    assert written() == before


# --- split orders -------------------------------------------------------------------------------


def test_split_orders_are_listed_with_their_finishes(baas: Baas, other: Baas, order):
    baas.post(MULTI, share(order))
    row = AllocationOrder.objects.get()
    (one,) = baas.get(SPLITS).json()["objects"]
    assert one == {
        "created_by_name": "995140f59511a222c937",
        "order_type": "multi_profit_sharing",
        "payment_order_id": order.pk,
        "receiver": [
            {"type": "MERCHANT_ID", "account": "1****9", "amount": 1000, "status": "pending"}
        ],
        "status": "accepted",
        "trade_no": row.allocation_no,
    }
    cast.shares_end(row, ShareState.SUCCESS)
    baas.post(FINISH, finish(order))
    row = cast.reload(row)
    ended = {**one, "order_type": "finish", "receiver": None, "status": "processing",
             "trade_no": row.finish_no}  # fmt: skip
    answer = baas.get(SPLITS, {"where": "{}", "limit": "20", "offset": "0"}).json()
    assert answer["meta"]["total_count"] == 2
    assert answer["objects"][0] == ended
    assert answer["objects"][1]["status"] == "finished"
    for asked, numbers in (
        ({"order_type": "finish"}, [row.finish_no]),
        ({"order_type": "multi_profit_sharing"}, [row.allocation_no]),
        ({"order_type": "profit_sharing"}, []),
        ({"status": "finished"}, [row.allocation_no]),
        ({"status": "processing"}, [row.finish_no]),
        ({"status": "accepted"}, []),
        ({"status": "closed"}, []),
        ({"trade_no": row.finish_no}, [row.finish_no]),
        ({"trade_no": row.allocation_no, "status": "finished"}, [row.allocation_no]),
        ({"limit": "1", "offset": "1"}, [row.allocation_no]),
    ):
        found = baas.get(SPLITS, asked).json()
        assert [one["trade_no"] for one in found["objects"]] == numbers, asked
    assert other.get(SPLITS).json()["objects"] == []
    assert baas.get(f"{ALIPAY}/profit-sharing/order/").json()["objects"] == []


def test_what_split_orders_cannot_be_asked_by_is_named(baas: Baas):
    for asked, message in (
        ({"status": "done"}, "status: Must be one of accepted, processing, finished, closed."),
        ({"order_type": "x"},
         "order_type: Must be one of profit_sharing, multi_profit_sharing, finish."),
        ({"where": '{"status":"finished"}'}, "where: There is no such parameter here."),
        ({"x": "1"}, "x: There is no such parameter here."),
        ({"limit": "5000"}, "limit: Must be from 1 to 1000."),
    ):  # fmt: skip
        refused(baas.get(SPLITS, asked), 400, message)


# --- before a refund ---------------------------------------------------------------------------


def test_shared_money_must_come_back_before_a_refund(baas: Baas, house):
    """order.md: 使用了分账的订单，需要先调用分账回退接口."""
    order = paid(house, sharing=True)
    receiver(house)
    baas.post(MULTI, share(order, amount=3000))
    cast.shares_end(AllocationOrder.objects.get(), ShareState.SUCCESS)
    answer = baas.post(REFUND, {"order_id": order.pk})
    refused(
        answer,
        400,
        "refund_amount: ¥100.00 is more than the ¥70.00 that is not shared out; "
        "return shares first, or let the refund fetch them back.",
    )
    assert RefundOrder.objects.count() == 0
