"""The adapter against an Alipay that misbehaves: lost, forged and false words never become a
failure or a second movement in the provider's book."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from channels.base import (
    Account,
    AllocationState,
    CallbackRejected,
    Command,
    Outcome,
    PayState,
    RefundState,
    TransferState,
)
from channels.simulators.alipay import AlipaySimulator, new_identity
from tests.channels.alipay_shop import AMOUNT, Shop, identity, running
from tests.channels.simulators.alipay_client import Ears, Notice

DONE, PENDING, NOT_SENT, UNKNOWN = (
    Outcome.DONE,
    Outcome.PENDING,
    Outcome.NOT_SENT,
    Outcome.UNKNOWN,
)
DONE_BUT_UNKNOWN = (
    "drop_after",
    "error_after",
    "bad_gateway_after",
    "system_error_after",
    "truncated",
    "not_json",
    "bad_signature",
    "unsigned",
)
NOT_DONE = ("drop_before", "error_before", "bad_gateway", "system_error")


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


@pytest.fixture
def shop(simulator: AlipaySimulator, ears: Ears) -> Iterator[Shop]:
    made = Shop(simulator, ears.url)
    yield made
    made.transport.close()


@pytest.fixture
def certified(simulator: AlipaySimulator, ears: Ears) -> Iterator[Shop]:
    made = Shop(simulator, ears.url, certificates=True)
    yield made
    made.transport.close()


# --- doing --------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", DONE_BUT_UNKNOWN + NOT_DONE)
def test_placing_without_a_true_answer_is_unknown_and_repeated_as_one_order(
    shop: Shop, simulator: AlipaySimulator, fault: str
) -> None:
    simulator.set_faults({"pay": {"fault": fault, "times": 1}})
    result = shop.ask(shop.pay())
    assert (result.outcome, result.state, dict(result.pay_params)) == (UNKNOWN, None, {})
    assert shop.ask(shop.query()).state is PayState.NOT_FOUND
    assert shop.ask(shop.pay()).outcome is DONE
    simulator.pay(shop.order_no)
    assert shop.movements() == [("pay", shop.order_no, AMOUNT)]


@pytest.mark.parametrize("fault", DONE_BUT_UNKNOWN + NOT_DONE)
def test_refund_without_a_true_answer_is_unknown_and_paid_once(
    shop: Shop, simulator: AlipaySimulator, fault: str
) -> None:
    shop.paid()
    simulator.set_faults({"refund": {"fault": fault, "times": 1}})
    result = shop.ask(shop.refund())
    assert (result.outcome, result.state) == (UNKNOWN, None)
    found = shop.ask(shop.query_refund()).state
    is_done = fault in DONE_BUT_UNKNOWN
    assert found is (RefundState.SUCCESS if is_done else RefundState.NOT_FOUND)
    assert shop.refund_until_over().amount == 2640
    assert shop.ask(shop.refund()).outcome is PENDING
    assert shop.movements() == [("pay", shop.order_no, AMOUNT), ("refund", shop.refund_no, 2640)]


@pytest.mark.parametrize("fault", ["processing", "failed"])
def test_refund_that_says_no_funds_changed_is_asked_about_until_it_is_paid(
    shop: Shop, simulator: AlipaySimulator, fault: str
) -> None:
    shop.paid()
    simulator.set_faults({"refund": {"fault": fault, "seconds": 0, "times": 1}})
    result = shop.ask(shop.refund())
    assert (result.outcome, result.state) == (PENDING, RefundState.PROCESSING)
    assert shop.refund_until_over().amount == 2640
    assert shop.movements() == [("pay", shop.order_no, AMOUNT), ("refund", shop.refund_no, 2640)]


@pytest.mark.parametrize("fault", DONE_BUT_UNKNOWN + NOT_DONE)
def test_transfer_without_a_true_answer_is_unknown_and_paid_once(
    shop: Shop, simulator: AlipaySimulator, fault: str
) -> None:
    simulator.set_balance(AMOUNT)
    simulator.set_faults({"transfer": {"fault": fault, "times": 1}})
    result = shop.ask(shop.transfer())
    assert (result.outcome, result.state) == (UNKNOWN, None)
    found = shop.ask(shop.query_transfer()).state
    is_done = fault in DONE_BUT_UNKNOWN
    assert found is (TransferState.SUCCESS if is_done else TransferState.NOT_FOUND)
    assert shop.ask(shop.transfer()).state is TransferState.SUCCESS
    assert shop.movements() == [("transfer", shop.transfer_no, 505)]


@pytest.mark.parametrize("fault", (*DONE_BUT_UNKNOWN, *NOT_DONE, "rate_limited"))
def test_share_without_a_true_answer_is_unknown_and_shared_once(
    shop: Shop, simulator: AlipaySimulator, fault: str
) -> None:
    """System and frequency errors too: they are asked about, never sent again blindly."""
    shop.paid_to_share()
    simulator.set_faults({"allocate": {"fault": fault, "times": 1}})
    result = shop.ask(shop.allocate())
    assert (result.outcome, result.state) == (UNKNOWN, None)
    found = shop.ask(shop.query_allocation()).state
    is_done = fault in DONE_BUT_UNKNOWN
    assert found is (AllocationState.FINISHED if is_done else AllocationState.NOT_FOUND)
    assert shop.ask(shop.allocate()).outcome is PENDING
    assert shop.ask(shop.query_allocation()).state is AllocationState.FINISHED
    assert [(kind, amount) for kind, _, amount in shop.movements()] == [
        ("pay", AMOUNT),
        ("share", 100),
        ("share", 200),
    ]


@pytest.mark.parametrize("fault", DONE_BUT_UNKNOWN + NOT_DONE)
def test_close_without_a_true_answer_is_unknown_and_can_be_asked_about(
    shop: Shop, simulator: AlipaySimulator, fault: str
) -> None:
    shop.ask(shop.pay())
    simulator.scan(shop.order_no)
    simulator.set_faults({"close": {"fault": fault, "times": 1}})
    result = shop.ask(shop.close())
    assert (result.outcome, result.state) == (UNKNOWN, None)
    is_done = fault in DONE_BUT_UNKNOWN
    assert shop.ask(shop.query()).state is (PayState.CLOSED if is_done else PayState.WAITING)


@pytest.mark.parametrize("fault", (*DONE_BUT_UNKNOWN, *NOT_DONE, "retry", "rate_limited"))
def test_cancel_of_a_paid_trade_without_a_true_answer_gives_back_at_most_once(
    shop: Shop, simulator: AlipaySimulator, fault: str
) -> None:
    shop.paid()
    simulator.set_faults({"cancel": {"fault": fault, "times": 1}})
    result = shop.ask(shop.cancel())
    assert (result.outcome, result.state) == (UNKNOWN, None)
    given_back = PayState.REFUNDED if fault in DONE_BUT_UNKNOWN else PayState.PAID
    assert shop.ask(shop.query()).state is given_back
    shop.ask(shop.cancel())
    kinds = [(kind, amount) for kind, _, amount in shop.movements()]
    assert kinds == [("pay", AMOUNT), ("refund", AMOUNT)]


# --- asking -------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", (*DONE_BUT_UNKNOWN, *NOT_DONE))
def test_question_without_a_true_answer_is_never_an_answer(
    shop: Shop, simulator: AlipaySimulator, fault: str
) -> None:
    shop.paid()
    shop.ask(shop.refund())
    for op, question in (("query", shop.query()), ("query_refund", shop.query_refund())):
        simulator.set_faults({op: {"fault": fault, "times": 1}})
        result = shop.ask(question)
        assert (result.outcome, result.state) == (UNKNOWN, None)
        assert shop.ask(question).outcome is DONE


def test_too_many_questions_are_put_again_later(shop: Shop, simulator: AlipaySimulator) -> None:
    shop.paid()
    simulator.set_faults({"*": {"fault": "rate_limited"}})
    assert shop.ask(shop.query()).outcome is NOT_SENT
    assert shop.ask(shop.close()).outcome is NOT_SENT
    assert shop.ask(shop.refund()).outcome is UNKNOWN
    assert shop.ask(shop.transfer()).outcome is UNKNOWN
    simulator.set_faults({})
    assert shop.movements() == [("pay", shop.order_no, AMOUNT)]


@pytest.mark.parametrize("op", ["query", "query_refund", "query_transfer"])
def test_what_is_not_found_yet_is_not_lost(shop: Shop, simulator: AlipaySimulator, op: str) -> None:
    simulator.set_balance(AMOUNT)
    shop.paid()
    shop.ask(shop.refund())
    shop.ask(shop.transfer())
    simulator.set_faults({op: {"fault": "not_found", "seconds": 3600, "times": 1}})
    question: Command = {
        "query": shop.query(),
        "query_refund": shop.query_refund(),
        "query_transfer": shop.query_transfer(),
    }[op]
    first, second = shop.ask(question), shop.ask(question)
    assert (first.outcome, str(first.state)) == (DONE, "not_found")
    assert second.state in (PayState.PAID, RefundState.SUCCESS, TransferState.SUCCESS)
    # Sending the same numbers again in between moves nothing.
    shop.ask(shop.refund())
    shop.ask(shop.transfer())
    assert len(shop.movements()) == 3


def test_wrong_amount_is_reported_as_the_channel_says_it(
    shop: Shop, simulator: AlipaySimulator
) -> None:
    shop.paid()
    simulator.set_faults({"query": {"fault": "wrong_amount", "delta": 7}})
    assert shop.ask(shop.query()).amount == AMOUNT + 7


def test_oddly_written_answers_are_read(shop: Shop, simulator: AlipaySimulator) -> None:
    simulator.set_faults({"*": "odd"})
    shop.paid()
    assert shop.ask(shop.refund()).state is RefundState.SUCCESS
    assert shop.ask(shop.query_refund()).amount == 2640


# --- the door -----------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [-10, 10])
def test_clock_that_is_ten_minutes_off_changes_nothing(
    shop: Shop, simulator: AlipaySimulator, minutes: int
) -> None:
    shop.paid()
    shop.skew = timedelta(minutes=minutes)
    assert shop.ask(shop.refund()).state is RefundState.SUCCESS
    shop.skew = timedelta()
    assert shop.refund_until_over().amount == 2640
    assert shop.movements() == [("pay", shop.order_no, AMOUNT), ("refund", shop.refund_no, 2640)]


def test_clock_that_is_a_day_off_is_turned_away_at_the_door(shop: Shop) -> None:
    shop.skew = timedelta(days=1)
    for command in (shop.pay(), shop.query(), shop.close(), shop.refund()):
        result = shop.ask(command)
        assert (result.outcome, result.code) == (NOT_SENT, "isv.invalid-timestamp")
    shop.skew = timedelta()
    assert shop.ask(shop.query()).state is PayState.NOT_FOUND


def test_wrong_private_key_is_turned_away_at_the_door(shop: Shop) -> None:
    stranger = replace(
        shop.account, secrets={"app_private_key_pem": new_identity()["app_private_key_pem"]}
    )
    result = shop.ask(shop.pay(), stranger)
    assert (result.outcome, result.code) == (NOT_SENT, "isv.invalid-signature")
    assert shop.ask(shop.query()).state is PayState.NOT_FOUND


def test_unknown_application_proves_nothing_because_nobody_signs_for_it(shop: Shop) -> None:
    stranger = replace(shop.account, config={**shop.account.config, "app_id": "2021000000000000"})
    result = shop.ask(shop.pay(), stranger)
    assert (result.outcome, result.code) == (UNKNOWN, "isv.invalid-app-id")


def test_missing_permission_is_refused(shop: Shop, simulator: AlipaySimulator) -> None:
    simulator.set_faults({"transfer": "no_permission"})
    assert shop.ask(shop.transfer()).outcome is Outcome.REFUSED
    assert shop.movements() == []


def test_new_certificate_is_believed_once_the_account_holds_it(
    certified: Shop, simulator: AlipaySimulator
) -> None:
    certified.paid()
    simulator.set_faults({"*": "rotated"})
    result = certified.ask(certified.query())
    assert (result.outcome, result.code) == (UNKNOWN, "BAD_SIGNATURE")
    assert result.message.startswith("UNKNOWN_CERT_SN: ")
    config = dict(certified.account.config)
    config["alipay_cert_pem"] += identity()["next_alipay_cert_pem"]
    both = replace(certified.account, config=config)
    assert certified.ask(certified.query(), both).state is PayState.PAID
    simulator.set_faults({})
    assert certified.ask(certified.query(), both).state is PayState.PAID
    simulator.set_faults({"*": "wrong_serial"})
    assert certified.ask(certified.query(), both).code == "BAD_SIGNATURE"


# --- notifications ------------------------------------------------------------------------


def web(shop: Shop) -> Account:
    return replace(shop.account, secrets={})


def verified(shop: Shop, notice: Notice) -> str:
    return shop.channel.verify_callback({}, notice.body, web(shop), now=datetime.now(UTC))


@pytest.mark.parametrize("certificates", [False, True])
def test_payment_and_refund_notifications_verify_and_open(
    simulator: AlipaySimulator, ears: Ears, certificates: bool
) -> None:
    shop = Shop(simulator, ears.url, certificates=certificates)
    shop.paid()
    told = ears.wait_for(1)[0]
    fact = shop.channel.open_callback(told.body, web(shop))
    asked = shop.ask(shop.query())
    assert (fact.kind, fact.our_no) == ("pay", shop.order_no)
    assert (fact.result.state, fact.result.amount, fact.result.out_no) == (
        PayState.PAID,
        AMOUNT,
        asked.out_no,
    )
    assert fact.result.finished_at == asked.finished_at
    numbers = [shop.refund_no, f"{shop.refund_no}2"]
    for count, (number, amount) in enumerate(zip(numbers, (2640, AMOUNT - 2640), strict=True)):
        shop.ask(shop.refund(amount, refund_no=number))
        back = ears.wait_for(count + 2)[count + 1]
        fact = shop.channel.open_callback(back.body, web(shop))
        assert (fact.kind, fact.our_no, fact.pay_order_no) == ("refund", number, shop.order_no)
        assert (fact.result.state, fact.result.amount) == (RefundState.SUCCESS, None)
    assert [notice.fields["trade_status"] for notice in ears.arrived] == [
        "TRADE_SUCCESS",
        "TRADE_SUCCESS",
        "TRADE_CLOSED",
    ]
    assert len({verified(shop, notice) for notice in ears.arrived}) == 3
    shop.transport.close()


def test_cancelled_payment_is_told_as_given_back_and_not_as_closed(shop: Shop, ears: Ears) -> None:
    shop.paid()
    shop.ask(shop.cancel())
    fact = shop.channel.open_callback(ears.wait_for(2)[1].body, web(shop))
    assert (fact.kind, fact.pay_order_no) == ("refund", shop.order_no)
    assert fact.result.state is RefundState.SUCCESS


def test_closing_is_told_as_closed(shop: Shop, simulator: AlipaySimulator, ears: Ears) -> None:
    shop.ask(shop.pay())
    simulator.scan(shop.order_no)
    shop.ask(shop.close())
    fact = shop.channel.open_callback(ears.wait_for(1)[0].body, web(shop))
    assert (fact.kind, fact.our_no, fact.result.state) == ("pay", shop.order_no, PayState.CLOSED)


def test_anything_but_success_has_it_told_again_under_the_same_id(shop: Shop, ears: Ears) -> None:
    refusal = shop.channel.callback_answer(accepted=False)[2]
    thanks = shop.channel.callback_answer(accepted=True)[2]
    ears.answer = lambda count: thanks if count >= 3 else refusal
    shop.paid()
    ids = {verified(shop, notice) for notice in ears.wait_for(3)}
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("fault", "code"),
    [("bad_signature", "BAD_SIGNATURE"), ("unsigned", "SIGNATURE_TYPE"), ("forged", "")],
)
def test_false_notification_is_rejected_and_the_true_one_believed(
    shop: Shop, simulator: AlipaySimulator, ears: Ears, fault: str, code: str
) -> None:
    ears.answer = lambda count: b"fail" if count == 1 else b"success"
    simulator.set_faults({"callback": {"fault": fault, "times": 1}})
    shop.paid()
    false, true = ears.wait_for(2)[:2]
    with pytest.raises(CallbackRejected) as caught:
        verified(shop, false)
    assert caught.value.code == (code or "BAD_SIGNATURE")
    with pytest.raises(CallbackRejected):
        shop.channel.open_callback(false.body, web(shop))
    assert verified(shop, true)


def test_wrong_amount_in_a_notification_is_reported_and_not_judged(
    shop: Shop, simulator: AlipaySimulator, ears: Ears
) -> None:
    simulator.set_faults({"callback": {"fault": "wrong_amount", "delta": 7}})
    shop.paid()
    fact: Any = shop.channel.open_callback(ears.wait_for(1)[0].body, web(shop))
    assert fact.result.amount == AMOUNT + 7
