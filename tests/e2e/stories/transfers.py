"""Stories of transfers: paid out, asked about, refused and sent again or given up, withdrawn."""

from __future__ import annotations

from orders.models import TransferOrder
from tests import cast
from tests.e2e.stories.payments import Book
from tests.e2e.world import IN_WORK, World, is_

OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
PAYEES = {
    "wechat": {
        "payee_type": "openid", "payee_account": OPENID, "payee_name": "李四", "scene": "1000",
    },
    "alipay": {
        "payee_type": "login_name", "payee_account": "zhang@example.com", "payee_name": "张三",
    },
    "sandbox": {"payee_type": "openid", "payee_account": OPENID, "payee_name": "李四"},
}  # fmt: skip


def _transfer(world: World) -> TransferOrder:
    return world.hand.transfer(world.channel, world.sums.sent, PAYEES[world.channel])


def _confirm(world: World, row: TransferOrder) -> None:
    """At WeChat the payee has to take it."""
    if world.channel == "wechat":
        world.until(lambda: cast.reload(row).is_waiting_payee, "it waits for the payee")
        world.simulator.confirm(row.transfer_no)


def transfers(world: World) -> Book:
    """Paid out; at WeChat once the payee has confirmed."""
    world.simulator.set_balance(world.sums.pay)
    world.hurt()
    row = _transfer(world)
    _confirm(world, row)
    world.until(lambda: is_(row, "success"), "the transfer is known")
    return [("transfer", row.transfer_no, world.sums.sent)]


def asks_about_a_transfer(world: World) -> Book:
    """Nobody tells us of its end."""
    world.simulator.set_balance(world.sums.pay)
    world.silence()
    if world.channel == "alipay":
        world.arrange(transfer=IN_WORK)
    row = _transfer(world)
    world.until(lambda: world.outcomes("transfer") not in ([], [""]), "it is sent", clock=False)
    _confirm(world, row)
    world.hurt()
    world.hand.do(row, "sync")
    world.until(lambda: is_(row, "success"), "the transfer is known")
    return [("transfer", row.transfer_no, world.sums.sent)]


def _refused(world: World) -> TransferOrder:
    """The merchant has no money at the provider."""
    world.simulator.set_balance(0)
    row = _transfer(world)
    world.until(lambda: is_(row, "fail"), "the transfer is refused")
    world.simulator.set_balance(world.sums.pay)
    world.hurt()
    return row


def transfers_again(world: World) -> Book:
    """Refused, and sent again under the same number."""
    row = _refused(world)
    world.hand.do(row, "retry")
    _confirm(world, row)
    world.until(lambda: is_(row, "success"), "the transfer is known")
    return [("transfer", row.transfer_no, world.sums.sent)]


def gives_a_transfer_up(world: World) -> Book:
    """Refused and closed: nothing was paid out, and nothing will be."""
    row = _refused(world)
    world.hand.do(row, "close")
    assert is_(row, "close")
    return []


def withdraws(world: World) -> Book:
    """Withdrawn while it waits for its payee."""
    world.simulator.set_balance(world.sums.pay)
    row = _transfer(world)
    world.until(lambda: cast.reload(row).is_waiting_payee, "it waits for the payee", clock=False)
    world.hurt()
    world.hand.do(row, "cancel")
    world.until(lambda: is_(row, "close"), "the transfer is withdrawn")
    return []
