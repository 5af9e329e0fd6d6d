"""A channel that does what a test says, small wires, and rows that are due."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.utils import timezone

from channels import registry
from channels.base import Capabilities, Command, Exchange, Method, Outcome, PayState, Result
from orders.engine import patience, wake, wire
from orders.models import Application, ChannelAccount, ChannelCall, MerchantNotice, PayOrder
from orders.numbers import new_number
from tests import cast


class FakeChannel:
    """Notes what it was told and on which thread; ``script`` decides the answer."""

    code: ClassVar[str] = "fake"
    name: ClassVar[str] = "Fake"
    capabilities: ClassVar[Capabilities] = Capabilities(methods=frozenset(Method), cancel=True)
    account_fields: ClassVar[tuple[Any, ...]] = ()

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.threads: set[str] = set()
        self.script: Callable[[Command], Result] = lambda _command: WAITING
        self.flying = 0
        self.most_flying = 0
        self._lock = threading.Lock()

    def perform(self, command: Command, account: Any, **_tools: Any) -> tuple[Result, Exchange]:
        with self._lock:
            self.told.append((command.kind, command.order_no))
            self.threads.add(threading.current_thread().name)
            self.flying += 1
            self.most_flying = max(self.most_flying, self.flying)
        try:
            return self.script(command), Exchange(request="asked", response="told", latency_ms=1)
        finally:
            with self._lock:
                self.flying -= 1

    def scrub_callback(self, body: bytes) -> str:
        return f"scrubbed {body.decode()}"


WAITING = Result(outcome=Outcome.DONE, state=PayState.WAITING)
PENDING = Result(outcome=Outcome.PENDING)


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> FakeChannel:
    fake = FakeChannel()
    monkeypatch.setitem(registry._CHANNELS, "fake", fake)
    return fake


@pytest.fixture(autouse=True)
def nobody_is_known() -> None:
    """Numbers of applications come again in another test; what was seen of them must not."""
    patience.forget()


@pytest.fixture
def wires(settings: Any) -> Iterator[None]:
    """Wires of eight threads for this test alone."""
    settings.ENGINE_WIRE_THREADS = 8
    settings.ENGINE_NOTICE_THREADS = 32
    settings.ALLOW_PRIVATE_NOTICE_URLS = True
    wire._forget()
    yield
    wire._forget()


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The drain messages that would have gone to Celery."""
    messages: list[str] = []
    monkeypatch.setattr(wake, "publish", messages.append)
    return messages


@pytest.fixture
def house(db: Any, channel: FakeChannel) -> cast.House:
    """Merchant A; its account speaks through the fake channel."""
    house = cast.merchant("A")
    ChannelAccount.objects.update(channel="fake")
    house.account.refresh_from_db()
    return house


def account(house: cast.House, code: str, *, most: int = 32) -> ChannelAccount:
    """A further account of the fake channel."""
    row = ChannelAccount(
        merchant=house.merchant,
        channel="fake",
        code=code,
        name=code,
        max_in_flight=most,
        is_default=False,
    )
    row.save()
    return row


def pay_orders(house: cast.House, count: int, account: ChannelAccount | None = None) -> list[Any]:
    """Orders that wait, written without the services: only their calls matter here."""
    now = timezone.now()
    account = account or house.account
    first = PayOrder.objects.count()
    return PayOrder.objects.bulk_create(
        PayOrder(
            order_no=new_number("P", now),
            biz_order_no=f"E-{first + index}",
            merchant=house.merchant,
            application=house.application,
            account=account,
            channel=account.channel,
            method="native",
            title="Tea",
            amount=100,
            door="api",
            expires_at=now + timedelta(hours=1),
            next_check_at=now + timedelta(hours=1),
        )
        for index in range(count)
    )


def calls(
    house: cast.House,
    count: int,
    *,
    queue: str = "call",
    account: ChannelAccount | None = None,
    age_s: float = 1,
    **facts: Any,
) -> list[ChannelCall]:
    """Due calls, each of an order of its own, oldest first."""
    now = timezone.now()
    orders = pay_orders(house, count, account)
    return ChannelCall.objects.bulk_create(
        ChannelCall(
            **{
                "kind": ChannelCall.Kind.PAY,
                "queue": queue,
                "account": order.account,
                "pay_order": order,
                "order_no": order.order_no,
                "door": "api",
                "actor": "test",
                "due_at": now - timedelta(seconds=age_s) + timedelta(microseconds=index),
                **facts,
            }
        )
        for index, order in enumerate(orders)
    )


def application(house: cast.House, app_id: str) -> Application:
    """A further application of the merchant, with the cast's webhook secret."""
    row = Application(merchant=house.merchant, app_id=app_id, name=app_id)
    row.webhook_secret = house.application.webhook_secret
    row.save()
    return row


def notices(
    house: cast.House, count: int, url: str, *, of: Application | None = None, **facts: Any
) -> list[MerchantNotice]:
    """Due notices about one order."""
    order = PayOrder.objects.first() or pay_orders(house, 1)[0]
    first = MerchantNotice.objects.count()
    now = timezone.now()
    return MerchantNotice.objects.bulk_create(
        MerchantNotice(
            **{
                "application": of or house.application,
                "pay_order": order,
                "order_no": order.order_no,
                "kind": "pay_order.success",
                "notice_id": f"msg_{first + index}",
                "url": url,
                "body": '{"type":"pay_order.success","名":"茶"}',
                "due_at": now - timedelta(seconds=1) + timedelta(microseconds=index),
                **facts,
            }
        )
        for index in range(count)
    )
