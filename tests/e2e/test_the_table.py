"""The table of stories is whole: every operation of every machine, on every channel that declares
it. Whoever adds either finds here what is missing."""

from __future__ import annotations

import pytest

from channels import registry
from orders import rules
from tests.e2e.hands import RESOURCES
from tests.e2e.stories import STORIES

TOLD_BY = {
    "payorder.close": "close",
    "payorder.cancel": "cancel",
    "payorder.sync": "query",
    "payorder.refund": "refund",
    "payorder.allocate": "share",
    "refundorder.sync": "refund_query",
    "refundorder.retry": "refund_retry",
    "refundorder.close": "refund_close",
    "transferorder.sync": "transfer_query",
    "transferorder.retry": "transfer_retry",
    "transferorder.cancel": "withdraw",
    "transferorder.close": "transfer_close",
    "allocationorder.sync": "share_query",
    "allocationorder.retry": "share_retry",
    "allocationorder.finish": "finish",
    "sharereturn.sync": "return_query",
    "sharereturn.retry": "return_retry",
    "sharereturn.close": "return_close",
    "allocationreceiver.bind": "bind",
    "allocationreceiver.unbind": "unbind",
}
NEEDS = {
    "close": ("close", "close_paid", "cancel"),
    "refund": ("refund", "refund_query", "refund_retry", "refund_close"),
    "transfer": ("transfer", "transfer_query", "transfer_retry", "transfer_close"),
    "transfer_cancel": ("withdraw",),
    "allocation": ("bind", "unbind", "share", "share_query"),
    "allocation_finish": ("finish",),
    "allocation_return": ("return", "return_query", "return_retry", "return_close"),
}
"""What a channel declares → the stories that it must then be in, and in which no other is."""
FOR_ALL = ("pay", "query")


def _channels(story: str) -> set[str]:
    told = STORIES[story]
    return {*told.ops, *(("sandbox",) if told.sandbox else ())}


def test_every_operation_of_every_machine_has_its_story():
    known = {
        f"{model._meta.model_name}.{code}"
        for model in RESOURCES
        for code in rules.operations(model)
    }
    assert set(TOLD_BY) == known
    assert set(TOLD_BY.values()) <= set(STORIES)


@pytest.mark.parametrize("channel", registry.all_channels(), ids=lambda channel: channel.code)
def test_a_channel_is_in_the_stories_of_what_it_declares_and_in_no_other(channel):
    wanted = set(FOR_ALL)
    for capability, stories in NEEDS.items():
        if getattr(channel.capabilities, capability):
            wanted |= set(stories)
    told = {name for name in STORIES if channel.code in _channels(name)}
    assert told - {"cancel_paid", "share_retry"} == wanted
