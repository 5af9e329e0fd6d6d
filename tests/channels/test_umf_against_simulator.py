"""The real adapter over real sockets against the simulated UMF, which shares no code with it and
keeps its own book of money: each movement must stand there exactly once."""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from channels.base import (
    Account,
    BillKind,
    CallbackRejected,
    FetchBill,
    Method,
    Outcome,
    PayState,
    QueryPay,
    RefundState,
    Result,
)
from channels.simulators.umf import Settings, UmfSimulator, credentials, new_identity
from tests.channels.loopback import Server, serving
from tests.channels.simulators.wire_client import Receiver, wait_until
from tests.channels.umf_counter import AMOUNT, CHANNEL, Counter, until

DONE, PENDING, REFUSED, NOT_SENT, UNKNOWN = (
    Outcome.DONE,
    Outcome.PENDING,
    Outcome.REFUSED,
    Outcome.NOT_SENT,
    Outcome.UNKNOWN,
)


@pytest.fixture(scope="module")
def umf_identity() -> dict[str, Any]:
    return new_identity()


@pytest.fixture
def umf(umf_identity: dict[str, Any]) -> Iterator[UmfSimulator]:
    settings = Settings(time_scale=6000, ladder_scale=3000, durable=False)
    made = UmfSimulator(umf_identity, settings=settings)
    made.start()
    yield made
    made.stop()
    assert made.crashes == 0


@pytest.fixture
def counter(
    umf: UmfSimulator, umf_identity: dict[str, Any], receiver: Receiver
) -> Iterator[Counter]:
    made = Counter(umf, umf_identity, receiver.url)
    yield made
    made.transport.close()


# --- the ordinary life of an order --------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "names"),
    [
        (Method.NATIVE, {"code_url"}),
        (Method.JSAPI, {"timeStamp", "nonceStr", "package", "signType", "paySign"}),
    ],
)
def test_each_method_is_accepted_and_gives_its_parameters(
    counter: Counter, method: Method, names: set[str]
) -> None:
    result = counter.ask(counter.pay(method))
    assert (result.outcome, result.state, result.code) == (DONE, PayState.WAITING, "")
    assert set(result.pay_params) - {"appId"} == names
    assert counter.query().state is PayState.WAITING


def test_order_lives_from_payment_to_full_refund(counter: Counter) -> None:
    counter.paid()
    paid = counter.query()
    assert (paid.state, paid.amount) == (PayState.PAID, AMOUNT)
    assert paid.out_no and paid.finished_at is not None
    by_both = counter.ask(
        QueryPay(order_no=counter.order_no, out_order_no=paid.out_no, amount=AMOUNT)
    )
    assert by_both.state is PayState.PAID
    asked = counter.ask(counter.refund(AMOUNT))
    assert (asked.outcome, asked.state) == (PENDING, RefundState.PROCESSING)
    until(counter.query_refund, RefundState.SUCCESS)
    assert counter.query().state is PayState.PAID  # 88881220: the payment was one
    assert counter.moved() == [
        ("pay", counter.order_no, AMOUNT),
        ("refund", counter.refund_no, AMOUNT),
    ]


def test_bar_code_is_paid_at_once_and_cancelled_the_same_day(counter: Counter) -> None:
    paid = counter.ask(counter.pay(Method.BARCODE))
    assert (paid.outcome, paid.state, paid.amount) == (DONE, PayState.PAID, AMOUNT)
    assert counter.cancel().outcome in (PENDING, DONE)
    until(counter.query, PayState.CANCELLED)
    assert len(counter.moved()) == 2


def test_cancel_that_fails_leaves_the_order_paid(counter: Counter) -> None:
    """ "同步返回0000时，表示后台状态为：“支付成功”"."""
    counter.paid(Method.BARCODE)
    counter.umf.set_faults({"cancel": "fails"})
    assert counter.cancel().outcome is PENDING
    until(counter.query, PayState.PAID)
    assert counter.moved() == [("pay", counter.order_no, AMOUNT)]


def test_refund_that_fails_is_told_by_its_query(counter: Counter) -> None:
    counter.paid()
    counter.umf.set_faults({"refund": "fails"})
    assert counter.ask(counter.refund()).outcome is PENDING
    until(counter.query_refund, RefundState.FAILED)
    assert counter.moved() == [("pay", counter.order_no, AMOUNT)]


def test_closed_order_takes_no_money(counter: Counter) -> None:
    counter.ask(counter.pay())
    closed = counter.close()
    assert (closed.outcome, closed.state) == (DONE, PayState.CLOSED)
    assert counter.query().outcome is UNKNOWN  # an unnamed code: not believed yet
    counter.ahead = timedelta(hours=2)
    assert counter.query().state is PayState.CLOSED
    assert counter.moved() == []


def test_repeated_refund_pays_once(counter: Counter) -> None:
    """ "多次请求后台都返回成功…做了幂等处理"."""
    counter.paid()
    for _ in range(3):
        assert counter.ask(counter.refund()).outcome is PENDING
    until(counter.query_refund, RefundState.SUCCESS)
    assert counter.moved() == [
        ("pay", counter.order_no, AMOUNT),
        ("refund", counter.refund_no, 2640),
    ]


def test_refund_above_the_payment_is_refused(counter: Counter) -> None:
    counter.paid()
    assert counter.ask(counter.refund(AMOUNT + 1)).outcome is REFUSED
    assert counter.moved() == [("pay", counter.order_no, AMOUNT)]


def test_refund_without_the_merchant_s_money_is_refused(counter: Counter) -> None:
    counter.paid()
    counter.umf.set_balance(0)
    assert counter.ask(counter.refund()).outcome is REFUSED


@pytest.mark.parametrize("fault", ["padded", "no_state", "as_0000"])
def test_spellings_of_an_answer_are_all_read(counter: Counter, fault: str) -> None:
    counter.ask(counter.pay())
    counter.umf.set_faults({"query": fault})
    assert counter.query().state is PayState.WAITING
    counter.umf.pay(counter.order_no)
    paid = counter.query()
    assert (paid.state, paid.amount) == (PayState.PAID, AMOUNT)


# --- misbehaviour -------------------------------------------------------------------------

NO_TRUE_ANSWER = (
    "drop_after",
    "error_after",
    "bad_gateway_after",
    "truncated",
    "not_json",
    "bad_signature",
    "unsigned",
)
NOT_DONE = ("drop_before", "error_before", "bad_gateway", "our_signature")


@pytest.mark.parametrize("fault", NO_TRUE_ANSWER)
def test_refund_that_was_done_without_a_true_answer_is_unknown_and_found(
    counter: Counter, fault: str
) -> None:
    counter.paid()
    counter.umf.set_faults({"refund": {"fault": fault, "times": 1}})
    result = counter.ask(counter.refund())
    assert (result.outcome, result.state) == (UNKNOWN, None)
    until(counter.query_refund, RefundState.SUCCESS)
    assert counter.ask(counter.refund()).outcome is PENDING
    assert counter.moved() == [
        ("pay", counter.order_no, AMOUNT),
        ("refund", counter.refund_no, 2640),
    ]


@pytest.mark.parametrize("fault", NOT_DONE)
def test_refund_that_was_not_done_is_unknown_and_works_when_repeated(
    counter: Counter, fault: str
) -> None:
    counter.paid()
    counter.umf.set_faults({"refund": {"fault": fault, "times": 1}})
    assert counter.ask(counter.refund()).outcome is UNKNOWN
    assert counter.query_refund().state is not RefundState.SUCCESS
    assert counter.ask(counter.refund()).outcome is PENDING
    until(counter.query_refund, RefundState.SUCCESS)
    assert len(counter.moved()) == 2


@pytest.mark.parametrize("fault", [*NO_TRUE_ANSWER, *NOT_DONE])
def test_order_query_without_a_true_answer_says_nothing(counter: Counter, fault: str) -> None:
    counter.paid()
    counter.umf.set_faults({"query": {"fault": fault, "times": 1}})
    assert (counter.query().outcome, counter.query().state) == (UNKNOWN, PayState.PAID)


@pytest.mark.parametrize("fault", NO_TRUE_ANSWER)
def test_bar_code_without_a_true_answer_is_paid_once_and_found(
    counter: Counter, fault: str
) -> None:
    counter.umf.set_faults({"pay": {"fault": fault, "times": 1}})
    assert counter.ask(counter.pay(Method.BARCODE)).outcome is UNKNOWN
    assert counter.query().state is PayState.PAID
    assert counter.moved() == [("pay", counter.order_no, AMOUNT)]


def test_bar_code_that_wants_a_password_is_asked_about(counter: Counter) -> None:
    counter.umf.set_faults({"pay": "password"})
    asked = counter.ask(counter.pay(Method.BARCODE))
    assert (asked.outcome, asked.state) == (PENDING, PayState.WAITING)
    assert counter.query().state is PayState.WAITING
    counter.umf.pay(counter.order_no)
    assert counter.query().state is PayState.PAID
    assert counter.moved() == [("pay", counter.order_no, AMOUNT)]


def test_wrong_amount_is_reported_and_not_judged(counter: Counter) -> None:
    counter.paid()
    counter.umf.set_faults({"query": {"fault": "wrong_amount", "delta": 1}})
    assert counter.query().amount == AMOUNT + 1


def test_another_merchant_s_key_is_nobody_s(counter: Counter) -> None:
    stranger = credentials(new_identity(), counter.umf.base_url)
    counter.account = Account(
        id=3,
        version=2,
        channel="umf",
        config=counter.account.config,
        secrets={"merchant_private_key_pem": stranger["merchant_private_key_pem"]},
    )
    assert counter.ask(counter.pay()).outcome is UNKNOWN
    assert counter.moved() == []


# --- notifications ------------------------------------------------------------------------


def test_payment_is_notified_and_believed(counter: Counter, receiver: Receiver) -> None:
    counter.paid()
    notice = receiver.wait_for(1)[0]
    web = Account(id=3, version=1, channel="umf", config=counter.account.config)
    assert CHANNEL.verify_callback(notice.headers, notice.body, web, now=counter.now())
    fact = CHANNEL.open_callback(notice.body, counter.account)
    assert (fact.kind, fact.our_no) == ("pay", counter.order_no)
    assert (fact.result.state, fact.result.amount) == (PayState.PAID, AMOUNT)


def told(umf: UmfSimulator) -> str:
    """What became of the only notification."""
    (order,) = umf.orders()
    (notice,) = order["notices"]
    return str(notice["state"])


@pytest.mark.parametrize(("is_signed", "deliveries"), [(True, 1), (False, 4)])
def test_only_a_signed_acknowledgement_ends_the_deliveries(
    umf: UmfSimulator, umf_identity: dict[str, Any], is_signed: bool, deliveries: int
) -> None:
    """At once, and after 30, 300 and 1800 s (scaled)."""

    def script(peer: socket.socket, server: Server) -> None:
        body = server.read_request(peer).partition(b"\r\n\r\n")[2]
        if is_signed:
            status, _, answer = CHANNEL.acknowledge(body, counter.account)
        else:
            status, _, answer = CHANNEL.callback_answer(accepted=True)
        head = f"HTTP/1.1 {status} OK\r\nContent-Length: {len(answer)}\r\n\r\n"
        peer.sendall(head.encode() + answer)

    with serving(script) as server:
        counter = Counter(umf, umf_identity, f"{server.url}/callback/")
        counter.paid()
        counter.transport.close()
        assert wait_until(lambda: told(umf) in ("done", "dead") and told(umf)) == (
            "done" if is_signed else "dead"
        )
        assert len(server.requests) == deliveries


def test_refund_is_notified(counter: Counter, receiver: Receiver) -> None:
    counter.paid()
    counter.ask(counter.refund())
    until(counter.query_refund, RefundState.SUCCESS)
    for _ in range(200):
        facts = [CHANNEL.open_callback(notice.body, counter.account) for notice in receiver.arrived]
        if any(fact.kind == "refund" for fact in facts):
            break
        time.sleep(0.02)
    refunds = [fact for fact in facts if fact.kind == "refund"]
    assert {(fact.our_no, fact.pay_order_no, fact.result.state) for fact in refunds} == {
        (counter.refund_no, counter.order_no, RefundState.SUCCESS)
    }


@pytest.mark.parametrize("fault", ["bad_signature", "unsigned"])
def test_forged_notification_is_rejected(counter: Counter, receiver: Receiver, fault: str) -> None:
    counter.umf.set_faults({"callback": fault})
    counter.paid()
    notice = receiver.wait_for(1)[0]
    with pytest.raises(CallbackRejected) as caught:
        CHANNEL.verify_callback(notice.headers, notice.body, counter.account, now=counter.now())
    assert caught.value.code == "BAD_SIGNATURE"


# --- the settlement file ------------------------------------------------------------------


def settlement(counter: Counter, day_offset: int = 0) -> tuple[Result, str]:
    china = datetime.now(UTC) + timedelta(hours=8)
    sink = io.BytesIO()
    result = CHANNEL.download_bill(
        FetchBill(day=(china + timedelta(days=day_offset)).date(), bill=BillKind.SETTLEMENT),
        counter.account,
        sink,
        transport=counter.transport,
        now=counter.now,
        nonce=lambda: "",
    )
    return result, sink.getvalue().decode()


def test_settlement_file_holds_the_day_s_payments(counter: Counter) -> None:
    counter.paid()
    counter.umf.set_faults({"bill": "open_day"})
    result, text = settlement(counter)
    assert (result.outcome, result.code) == (DONE, "")
    assert text.startswith(f"1|{AMOUNT}|")
    assert f"|{counter.order_no}|01|WX|" in text


def test_settlement_file_of_a_day_that_is_not_over_is_not_there(counter: Counter) -> None:
    counter.paid()
    result, text = settlement(counter)
    assert (result.outcome, text) == (NOT_SENT, "")
