"""No speed is judged here; only that the yardstick and the work are what the table calls them."""

from __future__ import annotations

import psycopg
import pytest
from django.db import connection

from bench import plain, run, world
from orders.engine import claim, drain
from orders.models import ChannelCallback, Event, LedgerEntry, MerchantNotice, PayOrder
from orders.services import corridor
from tests import cast

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]


@pytest.fixture
def house():
    house = world.make()
    world.wechat(house, "http://127.0.0.1:9", max_in_flight=100)
    return house


def counts() -> dict[str, int]:
    models = (PayOrder, ChannelCallback, Event, LedgerEntry, MerchantNotice)
    return {model._meta.db_table: model.objects.count() for model in models}


def test_its_callbacks_are_believed_and_settled(house):
    orders = world.place(house, 3, "t")
    world.notify(house, orders)
    assert drain.run("callback") == 3
    assert set(ChannelCallback.objects.values_list("result", flat=True)) == {"applied"}
    assert {cast.reload(order).status for order in orders} == {"success"}


def test_its_calls_can_be_prepared_for_the_wire(house):
    world.place(house, 2, "t")
    claims = claim.calls("pay", 10, {})
    prepared = corridor.prepare([mine.row for mine in claims])
    assert [item.account.channel for item in prepared] == ["wechat"] * 2
    for item in prepared:
        result, _exchange = item.channel.perform(
            item.command, item.account, transport=Refusing(), now=cast.timezone.now, nonce=str
        )
        assert result.code == "REACHED_THE_WIRE"


class Refusing:
    """Where an encoded and signed request arrives."""

    def send(self, request):
        from channels.transport import NotSent

        assert request.headers["Authorization"].startswith("WECHATPAY2-SHA256-RSA2048 ")
        raise NotSent("REACHED_THE_WIRE", "this far and no further")


def test_a_plain_insert_writes_the_same_rows_as_the_house(house):
    (order,) = world.place(house, 1, "t")
    world.notify(house, [order])
    drain.run("callback")
    template = plain.rows_of(order.pk, run.SETTLED)
    assert [table for table, _row in template].count("orders_event") == 2
    before = counts()
    parameters = connection.get_connection_params()
    known = {name: parameters[name] for name in ("dbname", "user", "host") if parameters.get(name)}
    with psycopg.connect(**known, autocommit=True) as database:
        plain._insert(database, template, "x")
        plain._insert(database, template, "y")
    added = {table: count - before[table] for table, count in counts().items()}
    assert added == {table: 2 * [t for t, _ in template].count(table) for table in before}
