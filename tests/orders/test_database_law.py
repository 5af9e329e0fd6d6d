"""What PostgreSQL itself refuses, whoever writes (DESIGN law 9)."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from orders.models import (
    ChannelCall,
    Event,
    LedgerEntry,
    MerchantNotice,
    NoticeAttempt,
    PayOrder,
    RefundOrder,
)
from orders.services import refund
from tests import cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def paid():
    house = cast.merchant("A", notify_url="http://127.0.0.1:9/notices")
    return cast.make_pay_order(house, "success")


def refused(work) -> bool:
    try:
        with transaction.atomic():
            work()
    except IntegrityError:
        return True
    return False


@pytest.mark.parametrize("model", [Event, LedgerEntry])
def test_history_is_neither_changed_nor_deleted(paid, model):
    assert refused(lambda: model.objects.update(order_no="x"))
    assert refused(lambda: model.objects.all()._raw_delete("default"))
    assert model.objects.exclude(order_no="x").exists()


def test_notice_attempts_are_append_only(paid):
    notice = MerchantNotice.objects.get()
    attempt = NoticeAttempt.objects.create(
        notice=notice, number=1, started_at=notice.created_at, latency_ms=3
    )
    assert refused(lambda: NoticeAttempt.objects.update(http_status=200))
    assert cast.reload(attempt).http_status is None


def test_an_ended_call_does_not_change(paid):
    assert refused(lambda: ChannelCall.objects.filter(state="ended").update(outcome="refused"))
    assert refused(lambda: ChannelCall.objects.all()._raw_delete("default"))


def test_no_edge_leaves_a_paid_order(paid):
    for status in ("wait", "progress", "close", "cancel", "fail"):
        assert refused(
            lambda status=status: PayOrder.objects.update(
                status=status, paid_amount=None, paid_at=None
            )
        )
    assert cast.reload(paid).status == "success"


@pytest.mark.parametrize(
    "change",
    [
        {"status": "lost"},
        {"amount": 0},
        {"refunded": -1},
        {"refunding": F("paid_amount") + 1, "refund_status": "refunding"},
        {"refunded": 5000},
        {"refund_status": "refunded"},
        {"paid_amount": None},
        {"intent": "close"},
        {"allocation_status": "lost"},
    ],
)
def test_amounts_and_derived_statuses_are_held_by_constraints(paid, change):
    assert refused(lambda: PayOrder.objects.update(**change))


def test_an_executing_order_is_always_watched():
    order = cast.make_pay_order(cast.merchant("A"))
    assert refused(lambda: PayOrder.objects.update(next_check_at=None))
    assert cast.reload(order).next_check_at is not None


def test_one_refund_at_a_time_and_one_request_at_a_time(paid):
    row = refund.request_refund(paid.order_no, cast.MERCHANT_ACTOR, amount=1, reason="x")
    twin = RefundOrder.objects.get(pk=row.pk)
    twin.pk, twin.refund_no, twin.biz_refund_no = None, "R-twin", "R-twin"
    assert refused(lambda: twin.save(force_insert=True))
    call = ChannelCall.objects.get(order_no=row.refund_no)
    call.pk = None
    assert refused(lambda: call.save(force_insert=True))
    assert ChannelCall.objects.filter(order_no=row.refund_no).count() == 1


def test_money_moves_once_per_order(paid):
    entry = LedgerEntry.objects.get()
    entry.pk = None
    assert refused(lambda: entry.save(force_insert=True))


def test_two_orders_of_one_account_cannot_share_a_channel_number(paid):
    other = cast.make_pay_order(
        type("H", (), {"application": paid.application, "account": paid.account})()
    )
    assert refused(
        lambda: PayOrder.objects.filter(pk=other.pk).update(out_order_no=paid.out_order_no)
    )


def test_a_status_is_set_by_transitions_only(paid):
    with pytest.raises(AttributeError, match="transition"):
        paid.status = "fail"
    paid.refresh_from_db()
    with pytest.raises(AttributeError, match="transition"):
        paid.status = "fail"
    missing = PayOrder(pk=0)
    with pytest.raises(PayOrder.DoesNotExist):
        missing.refresh_from_db()
    with pytest.raises(AttributeError, match="transition"):
        paid.status = "fail"
    assert paid.status == "success"


def test_a_failed_refund_may_succeed_but_a_done_one_never_fails(paid):
    row = cast.make_refund(paid, "success")
    for status in ("progress", "fail", "close"):
        assert refused(lambda status=status: RefundOrder.objects.update(status=status))
    assert cast.reload(row).status == "success"


def test_the_due_orders_are_found_by_their_index(paid):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT id FROM orders_payorder WHERE next_check_at <= now() "
            "ORDER BY next_check_at LIMIT 100"
        )
        assert "pay_next_check" in "\n".join(row[0] for row in cursor.fetchall())
