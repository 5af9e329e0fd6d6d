"""Each operation of the adapter against a simulated Alipay that shares no code with it; the
provider's own book says what was paid."""

from __future__ import annotations

import http.client
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import pytest

from channels.base import (
    AllocationState,
    BillKind,
    BindReceiver,
    FetchBill,
    Method,
    Outcome,
    PayState,
    ReceiverType,
    RefundState,
    ShareState,
    TransferState,
    UnbindReceiver,
)
from channels.simulators.alipay import AlipaySimulator
from tests.channels.alipay_shop import AMOUNT, RECEIVERS, Shop, identity, running
from tests.channels.simulators.alipay_client import Ears
from tests.channels.simulators.wire_client import wait_until

DONE, PENDING, REFUSED, NOT_SENT = (
    Outcome.DONE,
    Outcome.PENDING,
    Outcome.REFUSED,
    Outcome.NOT_SENT,
)


@pytest.fixture
def simulator() -> Iterator[AlipaySimulator]:
    with running() as made:
        yield made


@pytest.fixture
def ears() -> Iterator[Ears]:
    made = Ears()
    made.start()
    yield made
    made.stop()


@pytest.fixture(params=["keys", "certificates"])
def shop(request: Any, simulator: AlipaySimulator, ears: Ears) -> Iterator[Shop]:
    made = Shop(simulator, ears.url, certificates=request.param == "certificates")
    yield made
    made.transport.close()


def test_account_of_a_simulated_merchant_has_no_problem(shop: Shop) -> None:
    assert shop.channel.check_account(shop.account.config, shop.account.secrets) == []


# --- payments -----------------------------------------------------------------------------


def test_scanned_code_is_paid_once(shop: Shop, simulator: AlipaySimulator) -> None:
    placed = shop.ask(shop.pay(attach="店铺=3"))
    assert (placed.outcome, placed.state) == (DONE, PayState.WAITING)
    assert str(placed.pay_params["code_url"]).startswith("http")
    assert shop.ask(shop.query()).state is PayState.NOT_FOUND
    simulator.scan(shop.order_no)
    assert shop.ask(shop.query()).state is PayState.WAITING
    simulator.pay(shop.order_no)
    paid = shop.ask(shop.query())
    assert (paid.outcome, paid.state, paid.amount) == (DONE, PayState.PAID, AMOUNT)
    assert paid.out_no and paid.finished_at is not None
    assert abs(paid.finished_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert shop.movements() == [("pay", shop.order_no, AMOUNT)]


def test_repeated_placing_is_one_order(shop: Shop, simulator: AlipaySimulator) -> None:
    command = shop.pay()
    assert shop.ask(command).outcome is DONE
    assert shop.ask(command).outcome is DONE
    simulator.pay(shop.order_no)
    again = shop.ask(command)
    assert again.state is not PayState.PAID and again.outcome is not REFUSED
    assert shop.movements() == [("pay", shop.order_no, AMOUNT)]


def test_trade_made_for_the_mini_program_is_there_at_once(
    shop: Shop, simulator: AlipaySimulator
) -> None:
    placed = shop.ask(shop.pay(Method.JSAPI))
    assert placed.outcome is DONE
    asked = shop.ask(shop.query())
    assert (asked.state, asked.out_no) == (PayState.WAITING, placed.pay_params["trade_no"])
    simulator.pay(shop.order_no)
    assert shop.ask(shop.query()).state is PayState.PAID


@pytest.mark.parametrize(
    ("ending", "outcome", "state", "code"),
    [
        ("99", DONE, PayState.PAID, ""),
        ("01", PENDING, PayState.WAITING, "10003"),
        ("02", REFUSED, None, "ACQ.BUYER_BALANCE_NOT_ENOUGH"),
        ("03", REFUSED, None, "ACQ.PAYMENT_AUTH_CODE_INVALID"),
    ],
)
def test_barcode_is_paid_waits_or_is_refused(
    shop: Shop, ending: str, outcome: Outcome, state: PayState | None, code: str
) -> None:
    scanned = f"2812345678901234{ending}"
    result = shop.ask(shop.pay(Method.BARCODE, auth_code=scanned))
    assert (result.outcome, result.state, result.code) == (outcome, state, code)
    paid = [("pay", shop.order_no, AMOUNT)]
    assert shop.movements() == (paid if state is PayState.PAID else [])
    kept = "".join(exchange.request + exchange.response for exchange in shop.exchanges)
    assert scanned not in kept and '"auth_code":"***"' in kept


def test_barcode_that_waited_is_found_paid(shop: Shop, simulator: AlipaySimulator) -> None:
    shop.ask(shop.pay(Method.BARCODE, auth_code="281234567890123401"))
    assert shop.ask(shop.query()).state is PayState.WAITING
    simulator.pay(shop.order_no)
    assert shop.ask(shop.query()).state is PayState.PAID
    assert shop.movements() == [("pay", shop.order_no, AMOUNT)]


def visit(url: str, *, form: dict[str, str] | None = None) -> tuple[int, str]:
    """As a browser does it: open an address, or send a form, and follow where it leads."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    body = None if form is None else urlencode(form)
    kind = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    connection.request("POST" if form else "GET", target, body, {**kind, "Accept-Language": "en"})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    if answer.status == 303:
        return visit(urljoin(url, answer.headers["Location"]))
    return answer.status, text


@pytest.mark.parametrize("method", [Method.PAGE, Method.WAP, Method.H5])
@pytest.mark.parametrize("by_form", [False, True])
def test_cashier_opens_for_the_signed_address_and_the_form(
    shop: Shop, simulator: AlipaySimulator, method: Method, by_form: bool
) -> None:
    back = "http://127.0.0.1:9/done?order=1"
    placed = shop.ask(shop.pay(method, return_url=back))
    assert (placed.outcome, placed.state) == (DONE, PayState.WAITING)
    assert shop.ask(shop.query()).state is PayState.NOT_FOUND
    form: Any = placed.pay_params["form"]
    url = form["action"] if by_form else str(placed.pay_params["url"])
    status, page = visit(url, form=form["fields"] if by_form else None)
    assert status == 200 and "88.01" in page and "did not take" not in page
    simulator.pay(shop.order_no)
    assert shop.ask(shop.query()).state is PayState.PAID
    assert shop.movements() == [("pay", shop.order_no, AMOUNT)]


def test_order_string_of_the_app_is_taken(shop: Shop, simulator: AlipaySimulator) -> None:
    placed = shop.ask(shop.pay(Method.APP))
    gateway = shop.account.config["gateway_url"]
    status, page = visit(f"{gateway}?{placed.pay_params['order_string']}")
    assert status == 200 and "88.01" in page
    simulator.pay(shop.order_no)
    assert shop.ask(shop.query()).state is PayState.PAID


# --- ending -------------------------------------------------------------------------------


def test_close_of_an_unpaid_trade(shop: Shop, simulator: AlipaySimulator) -> None:
    shop.ask(shop.pay())
    simulator.scan(shop.order_no)
    assert shop.ask(shop.close()).state is PayState.CLOSED
    assert shop.ask(shop.query()).state is PayState.CLOSED
    assert shop.movements() == []


def test_close_of_what_nobody_scanned_counts_as_closed(shop: Shop) -> None:
    shop.ask(shop.pay())
    result = shop.ask(shop.close())
    assert (result.outcome, result.state) == (DONE, PayState.CLOSED)
    assert result.code == "ACQ.TRADE_NOT_EXIST"


def test_close_of_a_paid_trade_is_refused_and_the_query_says_why(shop: Shop) -> None:
    shop.paid()
    assert shop.ask(shop.close()).outcome is REFUSED
    assert shop.ask(shop.query()).state is PayState.PAID


def test_cancel_of_an_unpaid_trade(shop: Shop, simulator: AlipaySimulator) -> None:
    shop.ask(shop.pay())
    simulator.scan(shop.order_no)
    assert shop.ask(shop.cancel()).state is PayState.CANCELLED
    assert shop.ask(shop.query()).state is PayState.CLOSED
    assert shop.movements() == []


def test_cancel_of_a_paid_trade_gives_the_money_back_once(shop: Shop) -> None:
    shop.paid()
    result = shop.ask(shop.cancel())
    assert (result.outcome, result.state) == (DONE, PayState.REFUNDED)
    kinds = [(kind, amount) for kind, _number, amount in shop.movements()]
    assert kinds == [("pay", AMOUNT), ("refund", AMOUNT)]
    # The trade is closed now, and yet it was paid.
    asked = shop.ask(shop.query())
    assert (asked.state, asked.channel_status) == (PayState.REFUNDED, "TRADE_CLOSED")
    assert shop.ask(shop.cancel()).outcome is not PENDING
    assert len(shop.movements()) == 2


# --- refunds ------------------------------------------------------------------------------


def test_refunds_in_parts_report_their_own_amounts(shop: Shop) -> None:
    shop.paid()
    assert shop.ask(shop.query_refund()).state is RefundState.NOT_FOUND
    second = f"{shop.refund_no}2"
    for number, amount in ((shop.refund_no, 2640), (second, AMOUNT - 2640)):
        result = shop.ask(shop.refund(amount, refund_no=number))
        assert (result.outcome, result.state) == (DONE, RefundState.SUCCESS)
        assert result.amount is None
        asked = shop.ask(shop.query_refund(refund_no=number))
        assert (asked.state, asked.amount) == (RefundState.SUCCESS, amount)
    assert shop.movements() == [
        ("pay", shop.order_no, AMOUNT),
        ("refund", shop.refund_no, 2640),
        ("refund", second, AMOUNT - 2640),
    ]


def test_repeated_refund_pays_once_and_is_confirmed_by_the_query(shop: Shop) -> None:
    shop.paid()
    shop.ask(shop.refund())
    again = shop.ask(shop.refund())
    assert (again.outcome, again.state) == (PENDING, RefundState.PROCESSING)
    assert shop.ask(shop.query_refund()).state is RefundState.SUCCESS
    assert shop.movements() == [("pay", shop.order_no, AMOUNT), ("refund", shop.refund_no, 2640)]


def test_refund_number_with_another_amount_is_not_believed_to_have_failed(shop: Shop) -> None:
    shop.paid()
    shop.ask(shop.refund())
    result = shop.ask(shop.refund(100))
    assert (result.outcome, result.code) == (Outcome.UNKNOWN, "ACQ.DISCORDANT_REPEAT_REQUEST")
    assert shop.ask(shop.query_refund()).amount == 2640


def test_refund_above_the_payment_is_refused(shop: Shop) -> None:
    shop.paid()
    assert shop.ask(shop.refund(AMOUNT + 1)).outcome is REFUSED
    assert shop.movements() == [("pay", shop.order_no, AMOUNT)]


def test_refund_without_the_merchant_s_money_works_after_topping_up(
    shop: Shop, simulator: AlipaySimulator
) -> None:
    shop.paid()
    simulator.set_balance(0)
    refused = shop.ask(shop.refund())
    assert (refused.outcome, refused.code) == (REFUSED, "ACQ.SELLER_BALANCE_NOT_ENOUGH")
    simulator.set_balance(AMOUNT)
    assert shop.ask(shop.refund()).state is RefundState.SUCCESS


def test_refund_of_an_unpaid_order_is_no_success(shop: Shop) -> None:
    shop.ask(shop.pay())
    assert shop.ask(shop.refund()).state is None
    assert shop.ask(shop.query_refund()).state is RefundState.NOT_FOUND
    assert shop.movements() == []


# --- sharing ------------------------------------------------------------------------------


def test_share_query_finish_and_what_is_left(shop: Shop) -> None:
    shop.paid_to_share()
    assert shop.ask(shop.unshared()).amount == AMOUNT
    assert shop.ask(shop.query_allocation()).state is AllocationState.NOT_FOUND
    assert shop.ask(shop.allocate()).outcome is PENDING
    asked = shop.ask(shop.query_allocation())
    assert (asked.outcome, asked.state) == (DONE, AllocationState.FINISHED)
    assert [(one.account, one.state, one.amount) for one in asked.shares] == [
        (RECEIVERS[0], ShareState.SUCCESS, 100),
        (RECEIVERS[1], ShareState.SUCCESS, 200),
    ]
    assert shop.ask(shop.unshared()).amount == AMOUNT - 300
    assert shop.ask(shop.finish()).state is AllocationState.FINISHED
    finish = shop.query_allocation(allocation_no=shop.finish_no, shares=())
    assert shop.ask(finish).state is AllocationState.FINISHED
    assert shop.ask(shop.unshared()).amount == 0
    assert [(kind, amount) for kind, _, amount in shop.movements()] == [
        ("pay", AMOUNT),
        ("share", 100),
        ("share", 200),
        ("unfreeze", AMOUNT - 300),
    ]


def test_share_that_finishes_leaves_nothing(shop: Shop) -> None:
    shop.paid_to_share()
    assert shop.ask(shop.allocate(finishes=True)).outcome is PENDING
    assert shop.ask(shop.query_allocation()).state is AllocationState.FINISHED
    assert shop.ask(shop.unshared()).amount == 0


def test_share_with_partial_success_tells_each_receiver(
    shop: Shop, simulator: AlipaySimulator
) -> None:
    shop.paid_to_share()
    simulator.set_faults({"allocate": {"fault": "partial", "times": 1}})
    shop.ask(shop.allocate())
    asked = shop.ask(shop.query_allocation())
    assert [one.state for one in asked.shares] == [ShareState.SUCCESS, ShareState.FAILED]
    assert asked.shares[1].code
    assert [kind for kind, _, _ in shop.movements()] == ["pay", "share"]


def test_share_with_a_stranger_or_of_too_much_is_refused(shop: Shop) -> None:
    shop.paid_to_share()
    unbind = UnbindReceiver(
        request_no="U1", receiver_type=ReceiverType.USER_ID, account=RECEIVERS[1]
    )
    assert shop.ask(unbind).outcome is DONE
    assert shop.ask(shop.allocate()).outcome is REFUSED
    assert shop.ask(shop.allocate(AMOUNT)).outcome is REFUSED
    assert [kind for kind, _, _ in shop.movements()] == ["pay"]


def test_receivers_are_bound_twice_without_harm_and_listed(shop: Shop) -> None:
    bind = BindReceiver(
        request_no="B1",
        receiver_type=ReceiverType.LOGIN_NAME,
        account="li@example.com",
        name="李四",
        custom_relation="一号店",
    )
    assert shop.ask(bind).state is AllocationState.FINISHED
    assert shop.ask(bind).state is AllocationState.FINISHED
    found, result, _exchange = shop.channel.list_receivers(
        shop.account, transport=shop.transport, now=shop.now, nonce=lambda: "1"
    )
    assert result.outcome is DONE
    assert [one.memo for one in found] == ["一号店"]


# --- transfers ----------------------------------------------------------------------------


def test_transfer_is_paid_once(shop: Shop, simulator: AlipaySimulator) -> None:
    simulator.set_balance(AMOUNT)
    assert shop.ask(shop.query_transfer()).state is TransferState.NOT_FOUND
    for _ in range(2):
        assert shop.ask(shop.transfer()).state is TransferState.SUCCESS
    asked = shop.ask(shop.query_transfer())
    assert (asked.state, asked.amount) == (TransferState.SUCCESS, 505)
    assert shop.movements() == [("transfer", shop.transfer_no, 505)]
    other = shop.ask(shop.transfer(506))
    assert (other.outcome, other.code) == (Outcome.UNKNOWN, "PAYMENT_INFO_INCONSISTENCY")


def test_transfer_without_money_is_refused_and_works_after_topping_up(
    shop: Shop, simulator: AlipaySimulator
) -> None:
    simulator.set_balance(0)
    assert shop.ask(shop.transfer()).outcome is REFUSED
    simulator.set_balance(AMOUNT)
    assert shop.ask(shop.transfer()).state is TransferState.SUCCESS


@pytest.mark.parametrize(
    ("fault", "end"), [("fail", TransferState.FAILED), ("bounce", TransferState.RETURNED)]
)
def test_transfer_that_ends_badly_brings_its_money_back(
    shop: Shop, simulator: AlipaySimulator, fault: str, end: TransferState
) -> None:
    simulator.set_balance(AMOUNT)
    simulator.set_faults({"transfer": {"fault": fault, "seconds": 0}})
    shop.ask(shop.transfer())
    wait_until(lambda: shop.ask(shop.query_transfer()).state is end)
    kinds = [(kind, amount) for kind, _, amount in shop.movements()]
    assert kinds == [("transfer", 505), ("transfer_back", 505)]


# --- the bill -----------------------------------------------------------------------------


def fetch(shop: Shop, day: datetime) -> tuple[Any, bytes]:
    sink = io.BytesIO()
    china = day.astimezone(UTC) + timedelta(hours=8)
    result = shop.channel.download_bill(
        FetchBill(day=china.date(), bill=BillKind.TRADE),
        shop.account,
        sink,
        transport=shop.transport,
        now=shop.now,
        nonce=lambda: "1",
    )
    return result, sink.getvalue()


def test_bill_of_yesterday_is_fetched_as_it_is(shop: Shop, simulator: AlipaySimulator) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=2)
    simulator.set_clock(-2 * 86400)
    shop.skew = timedelta(days=-2)
    shop.paid()
    shop.ask(shop.refund())
    simulator.set_clock(0)
    shop.skew = timedelta()
    result, written = fetch(shop, yesterday)
    assert (result.outcome, result.code) == (DONE, "")
    text = written.decode("gb18030")
    assert text.startswith("#支付宝业务明细查询")
    assert shop.order_no in text and shop.refund_no in text and "-26.40" in text


def test_day_without_trade_has_no_bill(shop: Shop) -> None:
    result, written = fetch(shop, datetime.now(UTC) - timedelta(days=9))
    assert (result.outcome, result.code, written) == (DONE, "NO_BILL", b"")


# --- what is kept -------------------------------------------------------------------------


def test_nothing_that_is_kept_of_a_whole_life_holds_people_or_keys(
    shop: Shop, simulator: AlipaySimulator
) -> None:
    shop.ask(shop.pay(Method.JSAPI))
    simulator.pay(shop.order_no)
    shop.trade_no = shop.ask(shop.query()).out_no
    shop.ask(shop.refund())
    shop.ask(shop.query_refund())
    shop.ask(shop.transfer())
    shop.ask(shop.query_transfer())
    kept = "\n".join(exchange.request + exchange.response for exchange in shop.exchanges)
    hidden = [identity()["buyer_id"], "zhang@example.com", "张三", "159****5620", "MII"]
    assert [secret for secret in hidden if secret in kept] == []
    assert '"sign":"***"' in kept and "sign=***" in kept
