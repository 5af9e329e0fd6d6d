"""Many rows in one statement, with the same meaning as saving each."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DataError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from orders import bulk
from orders.models import ChannelCall, PayOrder
from orders.services.journal import CALL_WRITTEN, WRITTEN
from tests import cast

pytestmark = pytest.mark.django_db
PAY_WRITTEN = WRITTEN[PayOrder]


@pytest.fixture
def house():
    return cast.merchant("A")


def test_every_kind_of_value_arrives_as_it_was(house):
    first, second = (cast.make_pay_order(house) for _ in range(2))
    now = timezone.now()
    first.pay_params = {"code_url": 'weixin://"\\{},%s 茶'}
    first.next_check_at, first.check_count, first.is_at_channel = now, 7, False
    second.pay_params = {}
    second.error_message = "a,b;{c}\"d\\e' %s\n茶"
    bulk.update([first, second], PAY_WRITTEN)
    for row in (first, second):
        saved = cast.reload(row)
        assert {name: getattr(saved, name) for name in PAY_WRITTEN} == {
            name: getattr(row, name) for name in PAY_WRITTEN
        }


def test_columns_of_nothing_but_null_are_null(house):
    orders = [cast.make_pay_order(house) for _ in range(2)]
    bulk.update(orders, ["out_order_no", "paid_at"])
    assert [cast.reload(order).paid_at for order in orders] == [None, None]


def test_members_of_choices_and_plain_words_may_stand_side_by_side(house):
    orders = [cast.make_pay_order(house) for _ in range(2)]
    orders[0].intent, orders[1].intent = PayOrder.Intent.CLOSE, "cancel"
    bulk.update(orders, ["intent"])
    assert [cast.reload(order).intent for order in orders] == ["close", "cancel"]


def test_fields_that_are_not_named_are_left_alone(house):
    order = cast.make_pay_order(house)
    order.check_count, order.attach = 9, "changed in memory only"
    bulk.update([order], ["check_count"])
    assert (cast.reload(order).check_count, cast.reload(order).attach) == (9, "")


def test_twenty_rows_are_one_statement(house):
    orders = [cast.make_pay_order(house) for _ in range(20)]
    with CaptureQueriesContext(
        connection,
    ) as queries:
        bulk.update(orders, PAY_WRITTEN)
    assert len(queries) == 1


def test_nothing_to_write_asks_nobody(django_assert_num_queries):
    with django_assert_num_queries(0):
        bulk.update([], PAY_WRITTEN)


def test_a_text_that_is_too_long_is_refused_and_never_cut(house):
    order = cast.make_pay_order(house)
    order.error_code = "x" * 65
    with pytest.raises(DataError), transaction.atomic():
        bulk.update([order], ["error_code"])
    assert cast.reload(order).error_code == ""


def test_constraints_judge_as_ever_and_then_nothing_is_written(house):
    good, bad = (cast.make_pay_order(house) for _ in range(2))
    good.check_count = 9
    bad.check_count, bad.refunding = 9, -1
    with pytest.raises(IntegrityError), transaction.atomic():
        bulk.update([good, bad], ["check_count", "refunding"])
    assert cast.reload(good).check_count != 9


def test_triggers_judge_as_ever(house):
    order = cast.make_pay_order(house)
    call = ChannelCall.objects.filter(order_no=order.order_no, state="ended").first()
    call.message = "another story"
    with pytest.raises(IntegrityError, match="has ended"), transaction.atomic():
        bulk.update([call], CALL_WRITTEN)


def test_a_row_that_is_gone_is_an_error(house):
    order = cast.make_pay_order(house)
    ghost = PayOrder(pk=order.pk + 1000, next_check_at=timezone.now() + timedelta(days=1))
    with pytest.raises(RuntimeError, match="1 of 2 rows of PayOrder exist"):
        bulk.update([order, ghost], ["next_check_at"])
