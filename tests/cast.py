"""The fixed cast: merchant A, merchant B who must not see A's, and the people of the house.

Orders are made by the real services, so that every row here is one that production could hold.
``channel_says`` plays the channel's part: it ends a call as a worker would.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import Permission, User
from django.utils import timezone

from channels.base import (
    AllocationState,
    Exchange,
    Outcome,
    PayState,
    ReceiverType,
    RefundState,
    Result,
    ShareResult,
    ShareState,
    TransferState,
)
from orders import actor as actors
from orders.actor import Actor, Door
from orders.models import (
    AllocationDetail,
    AllocationGroup,
    AllocationOrder,
    AllocationReceiver,
    ApiKey,
    Application,
    ChannelAccount,
    ChannelCall,
    Merchant,
    MerchantNotice,
    NoticeAttempt,
    PayOrder,
    RefundOrder,
    ShareReturn,
    StoreOrder,
    TransferOrder,
    WorkState,
)
from orders.services import allocation, corridor, pay, refund, store, transfer

CLOCK = actors.clock()
MERCHANT_ACTOR = Actor(door=Door.API, name="zf_test")


@dataclass
class House:
    """One merchant with an application, a key and a sandbox account."""

    merchant: Merchant
    application: Application
    account: ChannelAccount
    api_key: str


def merchant(letter: str, *, notify_url: str = "") -> House:
    """Merchant ``letter``: made anew for each test that asks."""
    row = Merchant.objects.create(mch_no=f"M{letter}", name=f"Merchant {letter}")
    application = Application(
        merchant=row, app_id=f"app-{letter.lower()}", name=f"Shop {letter}", notify_url=notify_url
    )
    application.webhook_secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    application.save()
    account = ChannelAccount(
        merchant=row, channel="sandbox", code=f"sandbox-{letter.lower()}", name="Sandbox"
    )
    account.save()
    _key, api_key = ApiKey.issue(application)
    return House(merchant=row, application=application, account=account, api_key=api_key)


def person(name: str, permissions: Iterable[str] = (), *, is_superuser: bool = False) -> User:
    """A member of staff with exactly these permissions (codenames of ``orders``)."""
    user = User.objects.create_user(
        name, password="correct horse battery", is_staff=True, is_superuser=is_superuser
    )
    codenames = list(permissions)
    found = Permission.objects.filter(content_type__app_label="orders", codename__in=codenames)
    assert found.count() == len(codenames), f"unknown permission in {codenames}"
    user.user_permissions.set(found)
    return user


def operator(user: User) -> Actor:
    return Actor(door=Door.ADMIN, name=user.username, user=user)


def new_order(**changes: Any) -> pay.NewPayOrder:
    """A good request for a sandbox order of ¥100.00; ``changes`` replace single fields."""
    facts: dict[str, Any] = {
        "biz_order_no": "SO-1",
        "title": "Tea",
        "amount": 10000,
        "channel": "sandbox",
        "method": "native",
    }
    return pay.NewPayOrder(**{**facts, **changes})


def make_pay_order(
    house: House, status: str = PayOrder.Status.PROGRESS, **changes: Any
) -> PayOrder:
    """A pay order walked to ``status`` by the services and the channel's words."""
    changes.setdefault("biz_order_no", f"SO-{PayOrder.objects.count() + 1}")
    order = pay.request_pay(house.application, new_order(**changes), MERCHANT_ACTOR)
    if status == PayOrder.Status.WAIT:
        return order
    if status == PayOrder.Status.FAIL:
        channel_says(order, Outcome.REFUSED, code="NO_AUTH", message="no permission")
        return reload(order)
    channel_says(
        order, Outcome.DONE, state=PayState.WAITING, pay_params={"code_url": "sandbox://pay"}
    )
    if status == PayOrder.Status.SUCCESS:
        pay.request_sync(order.order_no, CLOCK)
        channel_says(
            order, Outcome.DONE, state=PayState.PAID, out_no=f"4200{order.pk}", amount=order.amount
        )
    elif status in (PayOrder.Status.CLOSE, PayOrder.Status.CANCEL):
        ended = {"close": PayState.CLOSED, "cancel": PayState.CANCELLED}[status]
        pay.request_sync(order.order_no, CLOCK)
        channel_says(order, Outcome.DONE, state=ended)
    return reload(order)


def make_refund(
    order: PayOrder, status: str = RefundOrder.Status.PROGRESS, *, amount: int = 3000
) -> RefundOrder:
    """A refund of a paid order walked to ``status``."""
    row = refund.request_refund(order.order_no, MERCHANT_ACTOR, amount=amount, reason="sent back")
    words: dict[str, tuple[Outcome, dict[str, Any]]] = {
        "success": (Outcome.DONE, {"state": RefundState.SUCCESS, "out_no": f"5000{row.pk}"}),
        "fail": (Outcome.REFUSED, {"code": "NOT_ENOUGH", "message": "balance too low"}),
        "close": (Outcome.DONE, {"state": RefundState.CLOSED}),
    }
    if status in words:
        outcome, facts = words[status]
        channel_says(row, outcome, **facts)
    return reload(row)


def make_transfer(
    house: House,
    status: str = TransferOrder.Status.PROGRESS,
    *,
    waiting: bool = False,
    **changes: Any,
) -> TransferOrder:
    """A transfer of ¥50.00 walked to ``status``; ``waiting`` for its payee."""
    facts: dict[str, Any] = {
        "biz_transfer_no": f"ST-{TransferOrder.objects.count() + 1}",
        "title": "Bonus",
        "amount": 5000,
        "channel": "sandbox",
        "payee_type": "openid",
        "payee_account": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
        "payee_name": "张三丰",
    }
    new = transfer.NewTransfer(**{**facts, **changes})
    row = transfer.request_transfer(house.application, new, MERCHANT_ACTOR)
    words: dict[str, tuple[Outcome, dict[str, Any]]] = {
        "success": (Outcome.DONE, {"state": TransferState.SUCCESS, "out_no": f"30{row.pk}"}),
        "fail": (Outcome.REFUSED, {"code": "NOT_ENOUGH", "message": "balance too low"}),
        "close": (Outcome.DONE, {"state": TransferState.CLOSED}),
    }
    if waiting:
        words["progress"] = (
            Outcome.DONE,
            {"state": TransferState.WAIT_PAYEE, "pay_params": {"package_info": "abc"}},
        )
    if status in words:
        outcome, said = words[status]
        channel_says(row, outcome, **said)
    return reload(row)


def make_receiver(
    house: House,
    status: str = AllocationReceiver.Status.BOUND,
    *,
    account: str = "1900000109",
    name: str = "Partner Ltd",
) -> AllocationReceiver:
    """A merchant that gets shares, walked to ``status``."""
    new = allocation.NewReceiver(
        channel="sandbox", receiver_type="merchant_no", account_no=account, name=name
    )
    row = allocation.add_receiver(house.application, new, MERCHANT_ACTOR)
    if row.status == status:
        return reload(row)
    if status == AllocationReceiver.Status.FAIL:
        channel_says(row, Outcome.REFUSED, code="NO_SUCH_USER", message="no such merchant")
    else:
        channel_says(row, Outcome.DONE, state=AllocationState.FINISHED)
    if status in (AllocationReceiver.Status.UNBINDING, AllocationReceiver.Status.UNBOUND):
        allocation.request_unbind(row.receiver_no, MERCHANT_ACTOR)
    if status == AllocationReceiver.Status.UNBOUND:
        channel_says(row, Outcome.DONE, state=AllocationState.FINISHED)
    return reload(row)


def make_group(house: House, rate: int = 1000, *, name: str = "Partners") -> AllocationGroup:
    """The default group of the application: one receiver with ``rate`` ten-thousandths."""
    rates = {make_receiver(house).receiver_no: rate}
    return allocation.set_group(
        house.application, channel="sandbox", name=name, rates=rates, is_default=True
    )


def make_allocation(
    house: House,
    status: str = AllocationOrder.Status.ALLOC_END,
    *,
    order: PayOrder | None = None,
    amount: int = 3000,
) -> AllocationOrder:
    """``amount`` of a paid order shared with one receiver, walked to ``status``."""
    statuses = AllocationOrder.Status
    if status == statuses.IGNORE:
        group = make_group(house, 1, name="Nothing")
        small = make_pay_order(house, "success", allocation=True, amount=1)
        return allocation.request_allocation(
            small.order_no, MERCHANT_ACTOR, group_no=group.group_no
        )
    order = order or make_pay_order(house, "success", allocation=True)
    partner = make_receiver(house)
    share = allocation.AskedShare(receiver_no=partner.receiver_no, amount=amount)
    row = allocation.request_allocation(order.order_no, MERCHANT_ACTOR, shares=[share])
    if status == statuses.ALLOC_FAILED:
        channel_says(row, Outcome.REFUSED, code="RULE_LIMIT", message="over the ratio")
    elif status != statuses.PROCESSING:
        shares_end(row, ShareState.SUCCESS)
    if status in (statuses.FINISH, statuses.FINISH_FAILED):
        allocation.request_finish(row.allocation_no, MERCHANT_ACTOR)
    if status == statuses.FINISH:
        channel_says(row, Outcome.DONE, state=AllocationState.FINISHED)
    elif status == statuses.FINISH_FAILED:
        channel_says(row, Outcome.REFUSED, code="RULE_LIMIT", message="cannot finish")
    return reload(row)


def shares_end(row: AllocationOrder, *states: ShareState) -> None:
    """The channel says how each share ended, in the order in which they were asked for."""
    details = row.details.select_related("receiver").order_by("id")
    shares = tuple(
        ShareResult(
            receiver_type=ReceiverType(detail.receiver.receiver_type),
            account=detail.receiver.account_no,
            state=state,
            code="NO_RELATION" if state is ShareState.FAILED else "",
        )
        for detail, state in zip(details, states, strict=True)
    )
    channel_says(row, Outcome.DONE, state=AllocationState.FINISHED, shares=shares, out_no="3008")


def make_share(house: House, *, amount: int = 3000) -> AllocationDetail:
    """A share that its receiver has got."""
    return make_allocation(house, amount=amount).details.get()


def make_return(
    detail: AllocationDetail, status: str = ShareReturn.Status.PROGRESS, *, amount: int = 1000
) -> ShareReturn:
    """A return of a share walked to ``status``."""
    row = allocation.request_return(
        detail.detail_no, MERCHANT_ACTOR, amount=amount, reason="goods back"
    )
    words: dict[str, tuple[Outcome, dict[str, Any]]] = {
        "success": (Outcome.DONE, {"state": RefundState.SUCCESS, "out_no": f"60{row.pk}"}),
        "fail": (Outcome.REFUSED, {"code": "NOT_ENOUGH", "message": "spent already"}),
        "close": (Outcome.DONE, {"state": RefundState.CLOSED}),
    }
    if status in words:
        outcome, said = words[status]
        channel_says(row, outcome, **said)
    return reload(row)


def new_store_order(**changes: Any) -> store.NewStoreOrder:
    """A good request for a cup of tea to be brought; ``changes`` replace single fields."""
    facts: dict[str, Any] = {
        "store_id": "1001",
        "store_name": "Tea on the corner",
        "kind": "delivery",
        "amount": 10000,
        "user_id": "U1",
        "mobile": "13812345678",
        "items": (store.NewItem(seq=1, product_id="138", name="Oolong", price=5000, quantity=2),),
    }
    return store.NewStoreOrder(**{**facts, **changes})


COURIER = store.Courier(contact="Li Si", mobile="13900000000", express_name="Fast")


def make_store_order(
    house: House, status: str = StoreOrder.Status.PAID, *, online: bool = True, **changes: Any
) -> StoreOrder:
    """A store order walked to ``status``; paid ``online`` by a pay order of this house."""
    changes.setdefault("biz_order_no", f"SS-{StoreOrder.objects.count() + 1}")
    if online:
        payment = store.NewPayment(channel="sandbox", method="native")
        changes |= {"pay_type": "online", "payment": payment}
    row = store.create(house.application, new_store_order(**changes), MERCHANT_ACTOR)
    statuses = StoreOrder.Status
    if status == statuses.UNPAID:
        return reload(row)
    if status == statuses.CANCELLED:
        return store.operate(row.order_no, "cancel", MERCHANT_ACTOR, reason="changed my mind")
    if online:
        pays(row)
    else:
        store.operate(row.order_no, "mark_paid", MERCHANT_ACTOR)
    steps = {
        statuses.PAID: (),
        statuses.REJECTED: ("reject",),
        statuses.ACCEPTED: ("accept",),
        statuses.MADE: ("accept", "made"),
        statuses.DELIVERING: ("accept", "made", "deliver"),
        statuses.COMPLETED: ("accept", "made", "complete"),
    }[statuses(status)]
    for step in steps:
        store.operate(row.order_no, step, MERCHANT_ACTOR, reason="sold out", courier=COURIER)
    return reload(row)


def pays(row: StoreOrder) -> None:
    """The customer pays the store order's pay order."""
    order = reload(row).pay_order
    if open_kinds(order) == ["pay"]:
        params = {"code_url": "sandbox://pay"}
        channel_says(order, Outcome.DONE, state=PayState.WAITING, pay_params=params)
    pay.request_sync(order.order_no, CLOCK)
    paid = {"state": PayState.PAID, "out_no": f"4200{order.pk}", "amount": order.amount}
    channel_says(order, Outcome.DONE, **paid)


def make_notice(house: House, *, url: str = "https://shop.example/notices") -> MerchantNotice:
    """A dead notice of a paid order, with one attempt."""
    order = make_pay_order(house, "success", notify_url=url)
    notice = MerchantNotice.objects.get(pay_order=order)
    notice_dies(notice)
    return reload(notice)


def notice_dies(notice: MerchantNotice) -> None:
    """As after the whole ladder of tries, of which the last one is kept."""
    now = timezone.now()
    MerchantNotice.objects.filter(pk=notice.pk).update(
        status="dead", state=WorkState.ENDED, tries=17, ended_at=now
    )
    NoticeAttempt.objects.create(
        notice=notice, number=1, started_at=now, latency_ms=12, http_status=500, response="busy"
    )


def channel_says(order: Any, outcome: Outcome, *, kind: str = "", **facts: Any) -> ChannelCall:
    """End the order's oldest open call (of ``kind``) as a worker that got this answer would."""
    return answer(claim(order, kind), outcome, **facts)


def answer(call: ChannelCall, outcome: Outcome, **facts: Any) -> ChannelCall:
    """End a claimed call with this answer; ``http_status`` where the channel answered at all."""
    exchange = Exchange(latency_ms=100, http_status=facts.pop("http_status", None))
    result = Result(outcome=outcome, **facts)
    corridor.settle(
        [
            corridor.Answer(
                call_id=call.pk,
                attempt=call.attempt,
                result=result,
                exchange=exchange,
            )
        ]
    )
    return reload(call)


def claim(order: Any, kind: str = "") -> ChannelCall:
    """Take the order's oldest due call as a worker would."""
    calls = ChannelCall.objects.filter(order_no=order.number, state=WorkState.DUE)
    call = (calls.filter(kind=kind) if kind else calls).order_by("id").first()
    assert call is not None, f"{order.number} has no due call {kind}"
    call.state, call.attempt, call.sent_at = WorkState.OUT, call.attempt + 1, timezone.now()
    call.due_at = timezone.now() + timedelta(seconds=45)
    call.save()
    return call


def open_kinds(order: Any) -> list[str]:
    """The kinds of the order's calls that have not ended, oldest first."""
    calls = ChannelCall.objects.filter(order_no=order.number).exclude(state=WorkState.ENDED)
    return list(calls.order_by("id").values_list("kind", flat=True))


def reload(row: Any) -> Any:
    """The row as the database has it now."""
    return type(row).objects.get(pk=row.pk)


def at(text: str) -> datetime:
    """``2026-11-20 10:00`` as aware UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
