"""Shared money that comes back from a merchant receiver on the simulated WeChat Pay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from channels.simulators.core.errors import ControlError
from channels.simulators.wechat import Settings, WechatSimulator
from tests.channels.simulators.contract import checked
from tests.channels.simulators.sharer import CLERK, RETURNS, SHOP, Sharer, refused
from tests.channels.simulators.wire_client import Merchant, wait_until

DAY = 86400


@pytest.fixture
def simulator(make_simulator: Callable[..., WechatSimulator]) -> Any:
    return make_simulator(settings=Settings(time_scale=10_000_000, durable=False))


@pytest.fixture
def sharer(simulator: WechatSimulator, merchant: Merchant) -> Sharer:
    """3000 of an order's 10000 are shared: 2000 to a shop, 1000 to a person."""
    sharer = Sharer(simulator, merchant)
    sharer.earn()
    sharer.know(SHOP, CLERK)
    sharer.share("S-1", (SHOP, 2000), (CLERK, 1000))
    sharer.ended("S-1")
    return sharer


def shop(sharer: Sharer) -> int:
    balance: int = sharer.simulator.book()["balances"][SHOP["account"]]["available"]
    return balance


def test_a_return_moves_money_back_to_the_available_balance(sharer: Sharer) -> None:
    answer = sharer.give_back("B-1", 1500).json
    assert (answer["result"], answer["amount"], answer["out_order_no"]) == ("SUCCESS", 1500, "S-1")
    assert sharer.returned("B-1").json == answer
    assert sharer.moves("return") == [("return", "B-1", 1500)]
    assert (sharer.pockets()["available"], sharer.pockets()["frozen"]) == (1500, 7000)
    assert shop(sharer) == 500


def test_a_return_does_not_restore_what_may_be_shared(sharer: Sharer) -> None:
    sharer.give_back("B-1", 2000)
    assert sharer.unsplit() == 7000
    refused(sharer.share("S-2", (SHOP, 1)), 403, "RULE_LIMIT")


def test_a_return_makes_a_refund_possible(sharer: Sharer, merchant: Merchant) -> None:
    refused(merchant.refund("ORDER-1", "R-1", 9000, total=10_000), 403, "NOT_ENOUGH")
    sharer.give_back("B-1", 2000)
    assert merchant.refund("ORDER-1", "R-1", 9000, total=10_000).status == 200
    wait_until(lambda: sharer.moves("refund") == [("refund", "R-1", 9000)])
    assert sharer.pockets() == {"available": 0, "frozen": 0, "refunding": 0}


def test_a_return_after_everything_is_finished(sharer: Sharer) -> None:
    sharer.unfreeze("U-1")
    sharer.ended("U-1")
    assert sharer.give_back("B-1", 2000).json["result"] == "SUCCESS"
    assert sharer.pockets() == {"available": 9000, "frozen": 0, "refunding": 0}


def test_the_shares_other_number_will_do(sharer: Sharer, merchant: Merchant) -> None:
    body = {
        "order_id": sharer.query("S-1").json["order_id"],
        "out_return_no": "B-1",
        "return_mchid": SHOP["account"],
        "amount": 5,
        "description": "用户退款",
    }
    assert checked(merchant, "POST", RETURNS, body).json["out_order_no"] == "S-1"
    refused(merchant.call("POST", RETURNS, body | {"out_order_no": "S-1"}), 400, "PARAM_ERROR")
    del body["order_id"]
    refused(merchant.call("POST", RETURNS, body), 400, "PARAM_ERROR")
    assert sharer.moves("return") == [("return", "B-1", 5)]


def test_the_same_number_is_one_return(sharer: Sharer) -> None:
    first = sharer.give_back("B-1", 500).json
    assert sharer.give_back("B-1", 500).json == first
    refused(sharer.give_back("B-1", 501), 400, "INVALID_REQUEST", "与原请求不一致")
    assert sharer.moves("return") == [("return", "B-1", 500)]


def test_no_more_comes_back_than_went_out(sharer: Sharer) -> None:
    sharer.give_back("B-1", 1500)
    refused(sharer.give_back("B-2", 501), 400, "INVALID_REQUEST", "超过")
    assert sharer.give_back("B-3", 500).json["result"] == "SUCCESS"
    assert shop(sharer) == 0


def test_people_give_nothing_back(sharer: Sharer) -> None:
    reply = sharer.give_back("B-1", 10, return_mchid=CLERK["account"])
    refused(reply, 400, "INVALID_REQUEST", "个人接收方")
    refused(
        sharer.give_back("B-1", 10, return_mchid="1900000999"), 400, "INVALID_REQUEST", "接收方"
    )
    refused(sharer.give_back("B-1", 10, share="S-9"), 404, "RESOURCE_NOT_EXISTS")
    assert sharer.moves("return") == []


def test_a_share_in_work_or_failed_has_nothing_to_return(
    sharer: Sharer, simulator: WechatSimulator
) -> None:
    simulator.set_max_ratio(10_000)
    simulator.set_faults({"share": ["all_fail"]})
    sharer.share("S-2", (SHOP, 100))
    sharer.ended("S-2")
    refused(sharer.give_back("B-1", 10, share="S-2"), 400, "INVALID_REQUEST", "尚未分账成功")
    simulator.set_faults({"share": {"fault": "processing", "seconds": 600}})
    sharer.share("S-3", (SHOP, 100))
    refused(sharer.give_back("B-1", 10, share="S-3"), 400, "INVALID_REQUEST", "尚未分账成功")


def test_a_receiver_that_has_spent_the_money_fails_the_return(
    sharer: Sharer, simulator: WechatSimulator
) -> None:
    simulator.set_balance(100, merchant=SHOP["account"])
    answer = sharer.give_back("B-1", 200).json
    assert (answer["result"], answer["fail_reason"]) == ("FAILED", "BALANCE_NOT_ENOUGH")
    assert sharer.returned("B-1").json == answer
    assert (sharer.moves("return"), shop(sharer)) == ([], 100)
    assert sharer.give_back("B-2", 100).json["result"] == "SUCCESS"


def test_only_accounts_of_the_book_have_a_balance(simulator: WechatSimulator) -> None:
    with pytest.raises(ControlError) as refusal:
        simulator.set_balance(1, merchant="1900000999")
    assert (refusal.value.status, refusal.value.code) == (404, "account_not_found")


def test_a_return_fails_on_demand(sharer: Sharer, simulator: WechatSimulator) -> None:
    simulator.set_faults({"share_return": {"fault": "fails", "times": 1}})
    answer = sharer.give_back("B-1", 200).json
    assert (answer["result"], answer["fail_reason"]) == ("FAILED", "ACCOUNT_ABNORMAL")
    assert sharer.moves("return") == []


def test_a_return_stays_in_work_and_then_ends(sharer: Sharer, simulator: WechatSimulator) -> None:
    simulator.set_faults({"share_return": {"fault": "processing", "seconds": 600}})
    answer = sharer.give_back("B-1", 200).json
    assert answer["result"] == "PROCESSING"
    assert (sharer.returned("B-1").json, sharer.moves("return")) == (answer, [])
    simulator._shares.run_due(simulator.clock.wall() + 601)
    assert sharer.moves("return") == []
    simulator._returns.run_due(simulator.clock.wall() + 601)
    assert sharer.returned("B-1").json["result"] == "SUCCESS"
    simulator._returns.run_due(simulator.clock.wall() + 601)
    assert sharer.moves("return") == [("return", "B-1", 200)]


def test_after_180_days_nothing_comes_back(
    sharer: Sharer, simulator: WechatSimulator, merchant: Merchant
) -> None:
    simulator.set_clock(181 * DAY)
    body = b'{"out_order_no":"S-1","out_return_no":"B-1","return_mchid":"1900000109","amount":1,'
    body += b'"description":"late"}'
    stamp = int(simulator.clock.timestamp())
    value = merchant.authorization("POST", RETURNS, body, stamp=stamp)
    reply = merchant.call("POST", RETURNS, body, authorization=value)
    refused(reply, 400, "INVALID_REQUEST", "180天")


def test_a_return_hides_for_a_while_and_belongs_to_its_share(
    sharer: Sharer, simulator: WechatSimulator, merchant: Merchant
) -> None:
    sharer.give_back("B-1", 200)
    simulator.set_faults({"query_share_return": {"fault": "not_found", "seconds": 600, "times": 1}})
    refused(sharer.returned("B-1"), 404, "RESOURCE_NOT_EXISTS")
    assert sharer.returned("B-1").status == 200
    refused(sharer.returned("B-1", share="S-2"), 404, "RESOURCE_NOT_EXISTS")
    refused(merchant.call("GET", f"{RETURNS}/B-1"), 400, "PARAM_ERROR")


def test_fifty_returns_are_the_most(sharer: Sharer) -> None:
    for count in range(50):
        assert sharer.give_back(f"B-{count}", 1).json["result"] == "SUCCESS"
    refused(sharer.give_back("B-50", 1), 400, "INVALID_REQUEST", "50次")
    assert shop(sharer) == 1950
