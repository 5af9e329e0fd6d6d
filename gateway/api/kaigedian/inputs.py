"""What each call may carry (订单类接口, 请求参数), read into what the services take.

Used by ``calls``.

Where the tables of the documents and their examples say different things, both are taken:
``orderCode`` and ``orderCodes``, one number or a list of them; numbers as text; two names of one
field; and the examples' repeated ``orderStatus`` and ``actualPayAmount``. No rule about orders
stands here. Unknown fields are ignored: the documents have grown.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from gateway.api.kaigedian import fields
from gateway.api.kaigedian.errors import missing, wrong
from gateway.api.kaigedian.fields import CHINA, Pairs, Reader
from orders.models import StoreOrder
from orders.models import store_words as words
from orders.services import store

NUMBERS = ("orderCode", "orderCodes")
SEVERAL_MAX = 10
"""订单详情: 每次查询订单数量最多10条."""
STATES_MAX = 100
"""Of 批量查询订单状态, for which the documents name no limit."""
ITEMS_MAX = 200
COUNT = 10
"""订单列表查询, count: 最大10, 不传入默认10. More is cut to it."""
STEPS = {3: "accepted", 4: "delivering", 5: "completed", 7: "rejected", 31: "made"}
"""订单状态处理, orderStatus."""
REFUNDS = {1: ("asked", "refunding"), 3: ("refused",), 5: ("done",)}
"""订单退款类型 → where a refund stands. 待处理 is everything that is not over."""
AGREES = {1: True, 2: False}
"""商家退款处理, action."""
BONUS = {0: True, 1: False}
"""下单, needBonus: 是否赠送积分 0是1否."""
STATED = {word: None if word in ("unpaid", "paid") else word for word in StoreOrder.Status.values}
"""What an order that is linked to a payment of this house is said to be: whether it is paid, the
payment tells better."""


def codes(enum: type) -> list[int]:
    return list(words.CODES[enum].values())


# --- 下单 ---------------------------------------------------------------------------------------


def submit(pairs: Pairs, *, transaction: str, notify_url: str) -> store.NewStoreOrder:
    """Raises Failure. Without a number of the merchant's the transaction's stands in for it, so
    that the same request makes one order whatever breaks."""
    reader = Reader(pairs, repeated=("actualPayAmount",))
    third = reader.text("thirdOrderCode", longest=64)
    status = reader.code(codes(StoreOrder.Status), "orderStatus", required=True)
    kind = reader.code(codes(StoreOrder.Kind), "orderType", required=True)
    pay_type = reader.code(codes(StoreOrder.PayType), "payType")
    pay_status = reader.code(codes(StoreOrder.PayStatus), "payStatus")
    may_return = reader.flag("canRefund", required=True)
    return store.NewStoreOrder(
        store_id=reader.text("storeId", required=True),
        store_name=reader.text("storeName", required=True),
        kind=words.word(StoreOrder.Kind, _known(kind)),
        amount=_amount(reader),
        original_amount=reader.whole("originalAmount", required=True),
        deliver_fee=reader.whole("deliverFee") or 0,
        package_fee=reader.whole("packageFee") or 0,
        client=_known(reader.whole("orderClient", most=32767, required=True)),
        status=words.word(StoreOrder.Status, _known(status)),
        pay_type=words.word(StoreOrder.PayType, pay_type or 2),
        pay_status=words.word(StoreOrder.PayStatus, pay_status) if pay_status else None,
        pay_channel=reader.text("payChannel"),
        pay_channel_name=reader.text("payChannelName"),
        paid_at=reader.time("payTime"),
        can_refund=bool(may_return),
        needs_invoice=bool(reader.flag("needInvoice")),
        gives_bonus=BONUS[_known(reader.code(list(BONUS), "needBonus", required=True))],
        table=reader.text("barCounter"),
        note=reader.text("note"),
        pos_code=reader.text("posCode"),
        operator=reader.text("operator"),
        user_id=reader.text("userId", required=True),
        user_name=reader.text("userName"),
        mobile=reader.text("mobile"),
        longitude=reader.text("longitude"),
        latitude=reader.text("latitude"),
        pick_up_no=reader.text("pickUpGoodsNo"),
        expected_at=reader.time("expectTime"),
        arrival_at=reader.time("estimateDeliveryCompleteTime"),
        items=tuple(_item(each) for each in reader.objects("orderItemList", most=ITEMS_MAX)),
        biz_order_no=third or stand_in(transaction),
        pay_order_no=reader.text("payOrderNo", longest=68),
        notify_url=notify_url,
        door_data={"thirdOrderCode": third},
    )


def stand_in(transaction: str) -> str:
    """The merchant's number of an order for which it gave none; empty where it also did not name
    the transaction. At most 64 characters."""
    if not transaction:
        return ""
    if len(transaction) > 60:
        transaction = hashlib.sha256(transaction.encode()).hexdigest()[:60]
    return f"txn:{transaction}"


def _amount(reader: Reader) -> int:
    """``actualPayAmount`` stands in the documents' example twice, first as something else: the
    last whole number is meant."""
    said = reader.all("actualPayAmount")
    if not said:
        raise missing("actualPayAmount")
    whole = [value for value in said if fields.is_digits(value)]
    return fields.as_whole((whole or said)[-1], "actualPayAmount", least=0, most=10**12)


def _item(reader: Reader) -> store.NewItem:
    return store.NewItem(
        seq=_known(reader.whole("productSeq", most=2**31 - 1, required=True)),
        product_id=reader.text("productId", required=True),
        third_product_id=reader.text("thirdProductId"),
        name=reader.text("productName", required=True),
        price=_known(reader.whole("productPrice", required=True)),
        quantity=_known(reader.whole("productQuantity", least=1, most=2**31 - 1, required=True)),
        share_amount=reader.whole("productSharePrice", "sharePrice") or 0,
        unit=reader.text("productWeightUnit", "unit", "productUnit"),
        weight=reader.whole("weight", most=2**31 - 1),
        spec=reader.text("productSpecName"),
        property=reader.text("productProperty"),
    )


def _known(value: int | None) -> int:
    """A required number: the reader has raised where there was none."""
    assert value is not None
    return value


# --- lists ----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Listing:
    """订单列表查询 and 退款订单查询. Times aware UTC, both included; statuses are words."""

    store_id: str
    start: datetime
    end: datetime
    clients: tuple[int, ...] = ()
    statuses: tuple[str, ...] = ()
    code: str
    count: int


def listing(pairs: Pairs, now: datetime) -> Listing:
    """Without times: today in China, from 00:00:00.000 to 23:59:59.000. Raises Failure."""
    reader = Reader(pairs)
    midnight = now.astimezone(CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
    numbers = reader.codes(codes(StoreOrder.Status), "orderStatus")
    return Listing(
        store_id=reader.text("storeId", longest=64, required=True),
        start=reader.milliseconds("startTimestamp") or midnight,
        end=reader.milliseconds("endTimestamp")
        or midnight + timedelta(hours=23, minutes=59, seconds=59),
        clients=reader.codes(None, "orderClients"),
        statuses=tuple(words.word(StoreOrder.Status, number) for number in numbers),
        code=reader.text("nextOrderCode", longest=80),
        count=_count(reader),
    )


def refund_listing(pairs: Pairs) -> Listing:
    """Raises Failure. ``refundstatus`` as the documents write it, or ``refundStatus``."""
    reader = Reader(pairs)
    start = reader.milliseconds("startTimestamp", required=True)
    end = reader.milliseconds("endTimestamp", required=True)
    assert start is not None and end is not None  # the reader has raised
    numbers = reader.codes(list(REFUNDS), "refundstatus", "refundStatus")
    return Listing(
        store_id=reader.text("storeId", longest=64, required=True),
        start=start,
        end=end,
        statuses=tuple(word for number in numbers for word in REFUNDS[number]),
        code=reader.text("nextOrderCode", longest=80),
        count=_count(reader),
    )


def _count(reader: Reader) -> int:
    return min(reader.whole("count", least=1, most=10**9) or COUNT, COUNT)


# --- single orders --------------------------------------------------------------------------------


def numbers(pairs: Pairs, *, most: int) -> list[str]:
    """The orders asked about, without repetitions. Raises Failure."""
    return list(dict.fromkeys(Reader(pairs).texts(*NUMBERS, most=most)))


def _number(reader: Reader) -> str:
    found = reader.texts(*NUMBERS, most=SEVERAL_MAX)
    if len(found) != 1:
        raise wrong(_("Name exactly one order, in %(field)s.") % {"field": NUMBERS[0]})
    return found[0]


@dataclass(frozen=True, kw_only=True)
class Step:
    """订单状态处理. ``status`` is a word."""

    number: str
    status: str
    reason: str
    operator: str
    courier: store.Courier | None
    timeout: int | None


def step(pairs: Pairs) -> Step:
    """Raises Failure. In the documents' examples a second ``orderStatus`` stands where the reason
    is meant: the first that is a status is one, and of the others the first is the reason where
    ``reason`` names none."""
    reader = Reader(pairs, repeated=("orderStatus",))
    said = reader.all("orderStatus")
    if not said:
        raise missing("orderStatus")
    statuses = [value for value in said if fields.is_digits(value) and int(value) in STEPS]
    others = [value for value in said if not fields.is_digits(value)]
    number = fields.as_code((statuses or said)[0], "orderStatus", list(STEPS))
    reason = reader.text("reason", longest=256)
    if others and not reason:
        reason = fields.as_text(others[0], "reason", longest=256)
    return Step(
        number=_number(reader),
        status=STEPS[number],
        reason=reason,
        operator=reader.text("operator", longest=64),
        courier=_courier(reader.inner("deliveryInfo")),
        timeout=reader.code(words.TIMEOUTS, "timeout"),
    )


def _courier(reader: Reader | None) -> store.Courier | None:
    if reader is None:
        return None
    return store.Courier(
        contact=reader.text("contactsName", required=True),
        mobile=reader.text("mobile", longest=32, required=True),
        express_code=reader.text("expressChannelCode"),
        express_name=reader.text("expressChannelName"),
        express_no=reader.text("expressNo"),
        remark=reader.text("remark"),
    )


@dataclass(frozen=True, kw_only=True)
class Decision:
    """商家退款处理, and 商家售后 with ``agrees`` unused."""

    number: str
    agrees: bool
    reason: str
    operator: str


def decision(pairs: Pairs) -> Decision:
    """Raises Failure. A refusal without its reason says that there is none: 否 in the table."""
    reader = Reader(pairs)
    agrees = AGREES[_known(reader.code(list(AGREES), "action", required=True))]
    reason = reader.text("reason", longest=256)
    return Decision(
        number=_number(reader),
        agrees=agrees,
        reason=reason or ("" if agrees else no_reason()),
        operator=reader.text("operator", longest=64),
    )


def after_sale(pairs: Pairs) -> Decision:
    """Raises Failure. ``reason`` must be there, as the table says, and may be empty, as in
    the example."""
    reader = Reader(pairs)
    if not reader.is_there("reason"):
        raise missing("reason")
    return Decision(
        number=_number(reader),
        agrees=True,
        reason=reader.text("reason", longest=256) or no_reason(),
        operator=reader.text("operator", longest=64),
    )


def no_reason() -> str:
    return str(_("no reason given"))


def linked(new: store.NewStoreOrder, pay_order_no: str) -> dict[str, Any]:
    """What changes in ``new`` when a payment of this house is named: the payment says then whether
    the order is paid."""
    return {
        "pay_order_no": pay_order_no,
        "status": STATED.get(new.status or ""),
        "pay_status": None,
        "pay_type": StoreOrder.PayType.ONLINE.value,
    }
