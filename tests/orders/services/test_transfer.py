"""The story of a transfer, told by the services on a real database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from channels.base import Outcome, TransferState
from channels.sandbox.channel import SandboxChannel
from orders.errors import Conflict, InvalidInput, NotFound, OperationRefused
from orders.models import Anomaly, ChannelCall, Event, LedgerEntry, MerchantNotice, TransferOrder
from orders.services import transfer
from tests import cast

pytestmark = pytest.mark.django_db

OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"


@pytest.fixture
def house():
    return cast.merchant("A", notify_url="http://127.0.0.1:9/notices")


def new(**changes):
    facts = {
        "biz_transfer_no": "T-1", "title": "Bonus", "amount": 5000, "channel": "sandbox",
        "payee_type": "openid", "payee_account": OPENID, "payee_name": "张三丰",
    }  # fmt: skip
    return transfer.NewTransfer(**{**facts, **changes})


def ask(house, **changes):
    return transfer.request_transfer(house.application, new(**changes), cast.MERCHANT_ACTOR)


def test_a_transfer_and_its_intent_are_written_together_and_the_payee_is_encrypted(house):
    row = ask(house)
    assert (row.status, cast.open_kinds(row)) == ("progress", ["transfer"])
    stored = TransferOrder.objects.values().get()
    assert OPENID not in str(stored) and "张三丰" not in str(stored)
    row = cast.reload(row)
    assert (row.payee_account, row.payee_name) == (OPENID, "张三丰")
    assert (row.payee_account_mask, row.payee_name_mask) == ("oUp****S6o", "张**")


def test_a_success_moves_money_once_and_tells_the_merchant_without_the_payee(house):
    row = ask(house)
    cast.channel_says(row, Outcome.DONE, state=TransferState.SUCCESS, out_no="30", amount=5000)
    row = cast.reload(row)
    assert (row.status, row.out_transfer_no) == ("success", "30")
    entry = LedgerEntry.objects.get()
    assert (entry.kind, entry.amount, entry.debit) == ("transfer", 5000, "merchant:app-a")
    notice = MerchantNotice.objects.get()
    assert notice.kind == "transfer.success"
    assert OPENID not in notice.body


def test_repeating_the_number_is_the_same_transfer_or_a_conflict(house):
    first = ask(house)
    assert ask(house).pk == first.pk
    with pytest.raises(Conflict) as caught:
        ask(house, payee_account="somebody-else")
    assert caught.value.differs == "payee_account"
    assert ChannelCall.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": 0}, "amount"),
        ({"payee_type": "bank_card"}, "payee_type"),
        ({"payee_account": ""}, "payee_account"),
        ({"title": ""}, "title"),
        ({"channel": "bank"}, "channel"),
        ({"notify_url": "ftp://x"}, "notify_url"),
    ],
)
def test_bad_input_names_its_field_and_writes_nothing(house, change, field):
    with pytest.raises(InvalidInput) as caught:
        ask(house, **change)
    assert caught.value.field == field
    assert TransferOrder.objects.count() == 0


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.PENDING])
def test_a_doubt_is_asked_about_and_never_sent_again_blindly(house, outcome):
    row = ask(house)
    cast.channel_says(row, outcome, code="SYSTEM_ERROR")
    row = cast.reload(row)
    assert row.status == "progress"
    assert row.next_check_at <= timezone.now() + timedelta(seconds=10)
    transfer.check_due(row.next_check_at, 10)
    assert cast.open_kinds(row) == ["query_transfer"]


def test_a_refusal_fails_it_and_a_retry_reuses_its_number(house):
    row = ask(house)
    cast.channel_says(row, Outcome.REFUSED, code="NOT_ENOUGH", message="top up")
    assert cast.reload(row).status == "fail"
    transfer.request_retry(row.transfer_no, cast.CLOCK)
    assert cast.open_kinds(row) == ["transfer"]
    assert TransferOrder.objects.get().transfer_no == row.transfer_no


def test_a_channel_that_may_pay_twice_is_not_asked_twice(house, monkeypatch):
    able = replace(SandboxChannel.capabilities, transfer_idempotent=False)
    monkeypatch.setattr(SandboxChannel, "capabilities", able)
    row = ask(house)
    cast.channel_says(row, Outcome.UNKNOWN, code="NO_ANSWER")
    with pytest.raises(OperationRefused) as caught:
        transfer.request_retry(row.transfer_no, cast.CLOCK)
    assert caught.value.code == "resend_unsafe"
    transfer.request_sync(row.transfer_no, cast.CLOCK)
    cast.channel_says(row, Outcome.DONE, state=TransferState.NOT_FOUND)
    assert cast.open_kinds(row) == []
    transfer.request_retry(row.transfer_no, cast.CLOCK)
    assert cast.open_kinds(row) == ["transfer"]


def test_a_transfer_waits_for_its_payee_and_can_be_withdrawn(house):
    row = ask(house)
    with pytest.raises(OperationRefused) as caught:
        transfer.request_cancel(row.transfer_no, cast.CLOCK)
    assert caught.value.code == "not_waiting_for_payee"
    cast.channel_says(
        row, Outcome.DONE, state=TransferState.WAIT_PAYEE, pay_params={"package_info": "abc"}
    )
    row = cast.reload(row)
    assert (row.status, row.is_waiting_payee, row.confirm_params) == (
        "progress", True, {"package_info": "abc"},
    )  # fmt: skip
    assert row.confirm_until == row.created_at + timedelta(hours=24)
    transfer.request_cancel(row.transfer_no, cast.CLOCK, reason="wrong person")
    assert cast.open_kinds(row) == ["cancel_transfer"]
    cast.channel_says(row, Outcome.PENDING)
    assert cast.reload(row).is_cancelling is True
    transfer.request_sync(row.transfer_no, cast.CLOCK)
    cast.channel_says(row, Outcome.DONE, state=TransferState.CLOSED)
    row = cast.reload(row)
    assert (row.status, row.is_cancelling, row.is_waiting_payee) == ("close", False, False)
    assert LedgerEntry.objects.count() == 0


def test_closing_a_failed_transfer_that_was_paid_after_all_is_an_anomaly(house):
    row = ask(house)
    cast.channel_says(row, Outcome.REFUSED, code="NOT_ENOUGH")
    transfer.request_sync(row.transfer_no, cast.CLOCK)
    query = cast.claim(row, "query_transfer")
    transfer.request_close(row.transfer_no, cast.CLOCK, reason="checked by phone")
    cast.answer(query, Outcome.DONE, state=TransferState.SUCCESS, out_no="30", amount=5000)
    assert cast.reload(row).status == "close"
    anomaly = Anomaly.objects.get()
    assert (anomaly.kind, anomaly.transfer_id, anomaly.pay_order_id) == (
        "transfer_after_close", row.pk, None,
    )  # fmt: skip


def test_money_that_comes_back_from_the_payees_bank_is_an_anomaly(house):
    row = ask(house)
    cast.channel_says(row, Outcome.DONE, state=TransferState.SUCCESS, amount=5000)
    assert cast.reload(row).status == "success"
    ChannelCall.objects.create(
        kind="query_transfer", queue="sync", account=house.account, transfer=row,
        order_no=row.transfer_no, door="clock", actor="beat", due_at=timezone.now(),
    )  # fmt: skip
    cast.channel_says(row, Outcome.DONE, state=TransferState.RETURNED, amount=5000)
    assert cast.reload(row).status == "success"
    assert Anomaly.objects.get().kind == "transfer_returned"


def test_seeing_the_payee_needs_the_permission_and_is_written_down(house):
    row = ask(house)
    support = cast.person("support", ["view_transferorder"])
    with pytest.raises(OperationRefused):
        transfer.reveal_payee(row.transfer_no, cast.operator(support))
    assert not Event.objects.filter(kind="payee_shown").exists()
    finance = cast.person("finance", ["see_payee_transferorder"])
    assert transfer.reveal_payee(row.transfer_no, cast.operator(finance)) == (OPENID, "张三丰")
    assert Event.objects.get(kind="payee_shown").actor == "finance"


def test_another_merchant_cannot_find_sync_retry_cancel_or_close_it(house):
    other = cast.merchant("B").application
    row = ask(house)
    for request in (
        transfer.request_sync, transfer.request_retry, transfer.request_cancel,
        transfer.request_close,
    ):  # fmt: skip
        with pytest.raises(NotFound):
            request(row.transfer_no, cast.MERCHANT_ACTOR, application=other)
    assert cast.open_kinds(row) == ["transfer"]
