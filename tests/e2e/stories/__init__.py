"""The stories of SPEC 4's table: every operation on every channel that can do it. Each one ends
with what the provider's book must say.

``world.hurt()`` stands right before the operation that the story is about, so that a fault hits
that operation and not what leads up to it. Which door the operations go through is ``world.hand``.
Payments by a scanned code are in ``test_bar_code.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.stories import payments, refunds, sharing, transfers
from tests.e2e.stories.payments import Book
from tests.e2e.world import Sums, World

Faults = Mapping[str, Mapping[str, Any]]
ALL = ("wechat", "alipay", "umf")
LOST, EVENTUAL = "answer_lost", "eventual"


@dataclass(frozen=True, kw_only=True)
class Story:
    """One operation. A channel that is named nowhere cannot do it."""

    tell: Callable[[World], Book]
    ops: Mapping[str, str] = field(default_factory=dict)
    """Channel → the simulator's word for the request that a fault hits; empty where the operation
    itself sends nothing."""
    eventual: Mapping[str, Faults] = field(default_factory=dict)
    """Channel → the provider's own delay between doing and knowing."""
    calls_back: bool = False
    """The provider tells us of it."""
    sandbox: Mapping[str, Sums] = field(default_factory=dict)
    """What goes wrong ("" is nothing) → sums whose endings choose it (``channels.sandbox``)."""


def _late(op: str, fault: str) -> dict[str, Any]:
    return {op: {"fault": fault, "seconds": 1}}


_LAG = {channel: _late("query", "lag") for channel in ALL}
_REFUND_LATER = {
    channel: _late("query_refund", "not_found") | _late("refund", "processing") for channel in ALL
}
_QUERY = dict.fromkeys(ALL, "query")
_QUERY_REFUND = dict.fromkeys(ALL, "query_refund")
_CLOSE, _PAY, _REFUND = (dict.fromkeys(ALL, op) for op in ("close", "pay", "refund"))
_TRANSFER = {"wechat": "transfer", "alipay": "transfer"}
_TRANSFER_LATER = {
    "wechat": _late("query_transfer", "not_found"),
    "alipay": _late("query_transfer", "not_found") | _late("transfer", "processing"),
}
_SHARE = {"wechat": "share", "alipay": "allocate"}
_SHARE_LATER = {
    "wechat": _late("query_share", "not_found") | _late("share", "processing"),
    "alipay": _late("allocate", "processing"),
}
_RETURN = {"wechat": "share_return"}
_RETURN_LATER = {
    "wechat": _late("query_share_return", "not_found") | _late("share_return", "processing")
}

PAYMENTS: Mapping[str, Story] = {
    "pay": Story(
        tell=payments.pays, ops=_PAY, eventual=_LAG, calls_back=True,
        sandbox={"": Sums(), LOST: Sums(pay=10_003), EVENTUAL: Sums(pay=10_009)},
    ),
    "query": Story(
        tell=payments.asks, ops=_QUERY, eventual=_LAG,
        sandbox={"": Sums(), LOST: Sums(pay=10_017), EVENTUAL: Sums(pay=10_020)},
    ),
    "close": Story(
        tell=payments.closes, ops=_CLOSE,
        sandbox={
            "": Sums(pay=10_004), LOST: Sums(pay=10_011), EVENTUAL: Sums(pay=10_014),
        },
    ),
    "close_paid": Story(
        tell=payments.closes_what_was_paid_meanwhile, ops=_CLOSE, eventual=_LAG,
        sandbox={"": Sums(pay=10_010)},
    ),
    "cancel": Story(
        tell=payments.cancels, ops={"wechat": "close", "alipay": "cancel", "umf": "close"},
        sandbox={"": Sums(pay=10_004), LOST: Sums(pay=10_011), EVENTUAL: Sums(pay=10_014)},
    ),
    "cancel_paid": Story(
        tell=payments.cancels_what_was_paid_meanwhile, ops={"alipay": "cancel"},
        eventual={"alipay": _LAG["alipay"]}, sandbox={"": Sums(pay=10_016)},
    ),
}  # fmt: skip
REFUNDS: Mapping[str, Story] = {
    "refund": Story(
        tell=refunds.refunds, ops=_REFUND, eventual=_REFUND_LATER, calls_back=True,
        sandbox={"": Sums(), LOST: Sums(part=3_003), EVENTUAL: Sums(part=3_004)},
    ),
    "refund_query": Story(
        tell=refunds.asks_about_a_refund, ops=_QUERY_REFUND,
        sandbox={"": Sums(part=3_002), LOST: Sums(part=3_010), EVENTUAL: Sums(part=3_013)},
    ),
    "refund_retry": Story(
        tell=refunds.refunds_again, ops=_REFUND, eventual=_REFUND_LATER,
        sandbox={"": Sums(part=3_016)},
    ),
    "refund_close": Story(
        tell=refunds.gives_a_refund_up, ops=_REFUND, eventual=_REFUND_LATER,
        sandbox={"": Sums(part=3_001)},
    ),
}  # fmt: skip
TRANSFERS: Mapping[str, Story] = {
    "transfer": Story(
        tell=transfers.transfers, ops=_TRANSFER, eventual=_TRANSFER_LATER,
        calls_back=True,
        sandbox={"": Sums(), LOST: Sums(sent=5_003), EVENTUAL: Sums(sent=5_004)},
    ),
    "transfer_query": Story(
        tell=transfers.asks_about_a_transfer, ops=dict.fromkeys(_TRANSFER, "query_transfer"),
        sandbox={"": Sums(sent=5_002), LOST: Sums(sent=5_014), EVENTUAL: Sums(sent=5_017)},
    ),
    "transfer_retry": Story(
        tell=transfers.transfers_again, ops=_TRANSFER, eventual=_TRANSFER_LATER,
        sandbox={"": Sums(sent=5_019)},
    ),
    "transfer_close": Story(
        tell=transfers.gives_a_transfer_up, ops=dict.fromkeys(_TRANSFER, ""),
        sandbox={"": Sums(sent=5_001)},
    ),
    "withdraw": Story(
        tell=transfers.withdraws, ops={"wechat": "cancel_transfer"},
        sandbox={"": Sums(sent=5_007), LOST: Sums(sent=5_012), EVENTUAL: Sums(sent=5_011)},
    ),
}  # fmt: skip
SHARING: Mapping[str, Story] = {
    "bind": Story(
        tell=sharing.binds, ops={"wechat": "add_receiver", "alipay": "bind"},
        sandbox={"": Sums()},
    ),
    "unbind": Story(
        tell=sharing.unbinds, ops={"wechat": "delete_receiver", "alipay": "unbind"},
        sandbox={"": Sums()},
    ),
    "share": Story(
        tell=sharing.shares, ops=_SHARE, eventual=_SHARE_LATER,
        sandbox={"": Sums(), LOST: Sums(shares=(1_003, 500)), EVENTUAL: Sums(shares=(1_004, 500))},
    ),
    "share_query": Story(
        tell=sharing.asks_about_shares,
        ops={"wechat": "query_share", "alipay": "query_allocation"},
        sandbox={"": Sums(), LOST: Sums(shares=(1_009, 500)), EVENTUAL: Sums(shares=(1_012, 500))},
    ),
    "share_retry": Story(tell=sharing.shares_again, ops=_SHARE, eventual=_SHARE_LATER),
    "finish": Story(
        tell=sharing.finishes, ops={"wechat": "unfreeze", "alipay": "allocate"},
        eventual={
            "wechat": _late("query_share", "not_found") | _late("unfreeze", "processing"),
            "alipay": _late("allocate", "processing"),
        },
        sandbox={"": Sums()},
    ),
    "return": Story(
        tell=sharing.returns, ops=_RETURN, eventual=_RETURN_LATER,
        sandbox={"": Sums(), LOST: Sums(shares=(1_003, 497)), EVENTUAL: Sums(shares=(1_004, 496))},
    ),
    "return_query": Story(
        tell=sharing.asks_about_a_return, ops=dict.fromkeys(_RETURN, "query_share_return"),
        sandbox={
            "": Sums(shares=(1_002, 498)), LOST: Sums(shares=(1_008, 492)),
            EVENTUAL: Sums(shares=(1_011, 489)),
        },
    ),
    "return_retry": Story(
        tell=sharing.returns_again, ops=_RETURN, eventual=_RETURN_LATER,
        sandbox={"": Sums(shares=(1_004, 496))},
    ),
    "return_close": Story(
        tell=sharing.gives_a_return_up, ops=_RETURN, eventual=_RETURN_LATER,
        sandbox={"": Sums(shares=(1_006, 494))},
    ),
}  # fmt: skip
STORIES: Mapping[str, Story] = PAYMENTS | REFUNDS | TRANSFERS | SHARING
