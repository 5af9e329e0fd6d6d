"""Profit sharing of the simulated WeChat Pay: frozen money, receivers, caps, unfreezing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from channels.simulators.wechat import Settings, WechatSimulator
from tests.channels.simulators.contract import checked
from tests.channels.simulators.sharer import CLERK, SHARES, SHOP, Sharer, refused
from tests.channels.simulators.wire_client import Merchant, Reply, wait_until

DAY = 86400
NO_WAIT = Settings(time_scale=10_000_000, durable=False)
"""Shares may begin at once and end at once."""
SLOW = Settings(time_scale=1, durable=False)
"""Documented waits: nothing that takes a minute ends within a test."""


@pytest.fixture
def settings() -> Settings:
    return NO_WAIT


@pytest.fixture
def simulator(make_simulator: Callable[..., WechatSimulator], settings: Settings) -> Any:
    return make_simulator(settings=settings)


@pytest.fixture
def sharer(simulator: WechatSimulator, merchant: Merchant) -> Sharer:
    return Sharer(simulator, merchant)


def test_money_to_be_shared_is_frozen_and_cannot_be_used(sharer: Sharer) -> None:
    sharer.earn()
    assert sharer.pockets() == {"available": 0, "frozen": 10_000, "refunding": 0}
    assert sharer.unsplit() == 10_000
    assert sharer.moves("pay") == [("pay", "ORDER-1", 10_000)]


def test_without_the_wish_at_prepay_money_is_free_and_cannot_be_shared(
    simulator: WechatSimulator, sharer: Sharer, merchant: Merchant
) -> None:
    merchant.prepay("ORDER-1", settle_info={"profit_sharing": False})
    sharer.transaction_id = simulator.pay("ORDER-1")["transaction_id"]
    sharer.know(CLERK)
    assert sharer.pockets() == {"available": 100, "frozen": 0, "refunding": 0}
    refused(sharer.share("S-1", (CLERK, 10)), 400, "INVALID_REQUEST", "非分账订单")
    refused(sharer.unfreeze("S-2"), 400, "INVALID_REQUEST", "非分账订单")
    sharer.transaction_id = "4200000000000000000000000000"
    refused(sharer.share("S-1", (CLERK, 10)), 404, "RESOURCE_NOT_EXISTS")
    assert sharer.moves() == []


def test_a_share_is_accepted_in_work_and_then_done(
    sharer: Sharer, simulator: WechatSimulator
) -> None:
    sharer.earn()
    sharer.know(SHOP, CLERK)
    simulator.set_faults({"share": {"fault": "processing", "seconds": 600}})
    accepted = sharer.share("S-1", (SHOP, 2000), (CLERK, 500)).json
    assert sharer.query("S-1").json == accepted
    assert accepted["state"] == "PROCESSING"
    assert [one["result"] for one in accepted["receivers"]] == ["PENDING", "PENDING"]
    assert accepted["receivers"][0]["finish_time"] == "1970-01-01T08:00:00+08:00"
    assert (sharer.unsplit(), sharer.pockets()["frozen"]) == (7500, 10_000)
    assert sharer.moves() == []
    simulator._shares.run_due(simulator.clock.wall() + 601)
    done = sharer.query("S-1").json
    assert [one["result"] for one in done["receivers"]] == ["SUCCESS", "SUCCESS"]
    assert done["order_id"] == accepted["order_id"]
    assert sharer.moves() == [("share", "S-1", 2000), ("share", "S-1", 500)]
    assert sharer.pockets() == {"available": 0, "frozen": 7500, "refunding": 0}
    assert sharer.simulator.book()["balances"][SHOP["account"]]["available"] == 2000


def test_the_last_share_frees_what_nobody_got(sharer: Sharer) -> None:
    sharer.earn()
    sharer.know(CLERK)
    sharer.share("S-1", (CLERK, 1000), finish=True)
    sharer.ended("S-1")
    assert sharer.moves() == [("share", "S-1", 1000), ("unfreeze", "S-1", 9000)]
    assert sharer.pockets() == {"available": 9000, "frozen": 0, "refunding": 0}
    assert sharer.unsplit() == 0
    refused(sharer.share("S-2", (CLERK, 1)), 400, "INVALID_REQUEST", "已完结分账")
    refused(sharer.unfreeze("U-1"), 403, "NOT_ENOUGH")
    assert len(sharer.moves()) == 2


def test_several_shares_and_then_an_unfreeze_with_its_own_number(sharer: Sharer) -> None:
    sharer.earn()
    sharer.know(SHOP, CLERK)
    for number, receiver in (("S-1", SHOP), ("S-2", CLERK)):
        sharer.share(number, (receiver, 1000))
        sharer.ended(number)
    answer = sharer.unfreeze("U-1").json
    assert [one["account"] for one in answer["receivers"]] == [sharer.simulator.merchant]
    assert sharer.ended("U-1")["receivers"][0]["amount"] == 8000
    assert sharer.moves() == [
        ("share", "S-1", 1000),
        ("share", "S-2", 1000),
        ("unfreeze", "U-1", 8000),
    ]
    assert sharer.pockets() == {"available": 8000, "frozen": 0, "refunding": 0}


def test_an_unfreeze_under_a_shares_number_succeeds_and_frees_nothing(sharer: Sharer) -> None:
    sharer.earn()
    sharer.know(CLERK)
    sharer.share("S-1", (CLERK, 1000))
    share = sharer.ended("S-1")
    assert sharer.unfreeze("S-1").json == share
    assert (sharer.unsplit(), sharer.pockets()["available"]) == (9000, 0)


def test_an_unfreeze_repeated_is_one(sharer: Sharer) -> None:
    sharer.earn()
    first = sharer.unfreeze("U-1").json
    sharer.ended("U-1")
    assert sharer.unfreeze("U-1").json["order_id"] == first["order_id"]
    assert sharer.moves() == [("unfreeze", "U-1", 10_000)]


@pytest.mark.parametrize("settings", [SLOW])
def test_nothing_is_shared_in_the_first_minute(sharer: Sharer) -> None:
    sharer.earn()
    sharer.know(CLERK)
    refused(sharer.share("S-1", (CLERK, 10)), 400, "INVALID_REQUEST", "订单处理中")
    refused(sharer.unfreeze("U-1"), 400, "INVALID_REQUEST", "订单处理中")
    assert sharer.query("S-1").status == 404
    assert sharer.unsplit() == 10_000


def test_an_order_in_work_is_not_finished_and_the_same_number_may_try_again(
    sharer: Sharer, simulator: WechatSimulator
) -> None:
    sharer.earn()
    sharer.know(CLERK)
    simulator.set_faults({"share": {"fault": "processing", "seconds": 600, "times": 1}})
    sharer.share("S-1", (CLERK, 10))
    refused(sharer.unfreeze("U-1"), 400, "INVALID_REQUEST", "订单处理中")
    refused(sharer.share("S-2", (CLERK, 5), finish=True), 400, "INVALID_REQUEST", "订单处理中")
    assert sharer.share("S-2", (CLERK, 5)).status == 200
    assert sharer.results("S-2") == [("o-clerk", "SUCCESS")]
    assert sharer.moves() == [("share", "S-2", 5)]


def test_while_an_unfreeze_is_in_work_nothing_more_is_shared_or_refunded_from_it(
    sharer: Sharer, simulator: WechatSimulator, merchant: Merchant
) -> None:
    sharer.earn()
    sharer.know(CLERK)
    simulator.set_faults({"unfreeze": {"fault": "processing", "seconds": 600}})
    sharer.unfreeze("U-1")
    assert sharer.unsplit() == 0
    refused(sharer.share("S-1", (CLERK, 10)), 400, "INVALID_REQUEST", "订单处理中")
    refused(merchant.refund("ORDER-1", "R-1", 100, total=10_000), 403, "NOT_ENOUGH")
    assert sharer.moves() == []


def test_the_same_number_is_the_same_share(sharer: Sharer) -> None:
    sharer.earn()
    sharer.know(CLERK)
    first = sharer.share("S-1", (CLERK, 1000)).json
    sharer.ended("S-1")
    again = sharer.share("S-1", (CLERK, 1000)).json
    assert (again["order_id"], again["state"]) == (first["order_id"], "FINISHED")
    assert sharer.moves() == [("share", "S-1", 1000)]


@pytest.mark.parametrize("change", ["amount", "finish", "receiver"])
def test_the_same_number_with_another_content_is_refused(sharer: Sharer, change: str) -> None:
    sharer.earn()
    sharer.know(SHOP, CLERK)
    sharer.share("S-1", (CLERK, 1000))
    sharer.ended("S-1")
    other = {
        "amount": lambda: sharer.share("S-1", (CLERK, 1001)),
        "finish": lambda: sharer.share("S-1", (CLERK, 1000), finish=True),
        "receiver": lambda: sharer.share("S-1", (SHOP, 1000)),
    }[change]()
    refused(other, 400, "INVALID_REQUEST", "分账接收方与原请求不一致")
    assert sharer.moves() == [("share", "S-1", 1000)]


def test_two_at_once_with_one_number_are_one_share(sharer: Sharer) -> None:
    sharer.earn()
    sharer.know(CLERK)
    numbers: list[str] = []

    def share() -> None:
        numbers.append(sharer.share("S-1", (CLERK, 1000)).json["order_id"])

    threads = [threading.Thread(target=share) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(numbers) == 6
    assert len(set(numbers)) == 1
    sharer.ended("S-1")
    assert sharer.moves() == [("share", "S-1", 1000)]


def test_a_name_is_compared_opened_so_a_new_cipher_is_the_same_request(
    sharer: Sharer, merchant: Merchant
) -> None:
    sharer.earn()
    sharer.know(CLERK)
    replies = [
        sharer.share("S-1", (CLERK | {"name": merchant.sealed("王小明")}, 100)) for _ in range(2)
    ]
    assert [reply.status for reply in replies] == [200, 200]
    other = sharer.share("S-1", (CLERK | {"name": merchant.sealed("李小明")}, 100))
    refused(other, 400, "INVALID_REQUEST", "分账接收方与原请求不一致")


def test_one_receiver_twice_in_a_request_is_refused(sharer: Sharer) -> None:
    sharer.earn()
    sharer.know(CLERK)
    refused(sharer.share("S-1", (CLERK, 1), (CLERK, 2)), 400, "INVALID_REQUEST", "重复")
    assert sharer.unsplit() == 10_000


def test_at_most_fifty_receivers(sharer: Sharer, merchant: Merchant) -> None:
    sharer.earn()
    many = [({"type": "PERSONAL_OPENID", "account": f"o-{n}"}, 1) for n in range(51)]
    reply = merchant.call("POST", SHARES, sharer.body("S-1", *many))
    refused(reply, 400, "PARAM_ERROR")
    assert reply.json["detail"]["field"] == "#/properties/receivers"
    assert sharer.share("S-1", *many[:50]).status == 200


def test_at_most_fifty_accepted_shares_and_refused_ones_do_not_count(
    sharer: Sharer, simulator: WechatSimulator
) -> None:
    sharer.earn()
    sharer.know(CLERK)
    refused(sharer.share("S-X", (CLERK, 9999)), 403, "RULE_LIMIT")
    for count in range(50):
        assert sharer.share(f"S-{count}", (CLERK, 1)).status == 200
    refused(sharer.share("S-50", (CLERK, 1)), 400, "INVALID_REQUEST", "50次")
    wait_until(lambda: len(sharer.moves()) == 50)
    assert sharer.unfreeze("U-1").status == 200


def test_a_stranger_fails_alone_and_the_money_stays_frozen(sharer: Sharer) -> None:
    sharer.earn()
    sharer.know(SHOP)
    sharer.share("S-1", (SHOP, 1000), (CLERK, 500))
    assert sharer.results("S-1") == [("1900000109", "SUCCESS"), ("o-clerk", "NO_RELATION")]
    assert sharer.ended("S-1")["receivers"][1]["result"] == "CLOSED"
    assert sharer.moves() == [("share", "S-1", 1000)]
    assert sharer.pockets() == {"available": 0, "frozen": 9000, "refunding": 0}
    assert sharer.unsplit() == 9000


def test_a_deleted_receiver_is_a_stranger_again(sharer: Sharer, merchant: Merchant) -> None:
    sharer.earn()
    sharer.know(CLERK)
    body = {"appid": merchant.identity["appid"]} | CLERK
    for _ in range(2):
        reply = checked(merchant, "POST", "/v3/profitsharing/receivers/delete", body)
        assert reply.json == CLERK
    sharer.share("S-1", (CLERK, 500))
    assert sharer.results("S-1") == [("o-clerk", "NO_RELATION")]
    assert sharer.moves() == []


@pytest.mark.parametrize(
    ("fault", "results"),
    [
        ("partial", [("1900000109", "SUCCESS"), ("o-clerk", "ACCOUNT_ABNORMAL")]),
        ("all_fail", [("1900000109", "ACCOUNT_ABNORMAL"), ("o-clerk", "ACCOUNT_ABNORMAL")]),
    ],
)
def test_receivers_fail_on_demand(
    sharer: Sharer, simulator: WechatSimulator, fault: str, results: list[tuple[str, str]]
) -> None:
    sharer.earn()
    sharer.know(SHOP, CLERK)
    simulator.set_faults({"share": fault})
    sharer.share("S-1", (SHOP, 1000), (CLERK, 500))
    assert sharer.results("S-1") == results
    moved = sum(1000 for _, result in results if result == "SUCCESS")
    assert sum(amount for _, _, amount in sharer.moves()) == moved
    assert sharer.unsplit() == 10_000 - moved


def test_an_account_may_carry_its_fate_in_its_name(sharer: Sharer) -> None:
    sharer.earn()
    doomed = {"type": "PERSONAL_OPENID", "account": "o-RECEIVER_HIGH_RISK"}
    sharer.know(doomed, CLERK)
    sharer.share("S-1", (doomed, 100), (CLERK, 50))
    assert sharer.results("S-1") == [
        ("o-RECEIVER_HIGH_RISK", "RECEIVER_HIGH_RISK"),
        ("o-clerk", "SUCCESS"),
    ]


def test_a_wrong_name_fails(sharer: Sharer, merchant: Merchant) -> None:
    sharer.earn()
    sharer.know(SHOP)
    sharer.share("S-1", (SHOP | {"name": merchant.sealed("红茶铺")}, 100))
    assert sharer.results("S-1") == [("1900000109", "RECEIVER_REAL_NAME_NOT_VERIFIED")]
    sharer.share("S-2", (SHOP | {"name": merchant.sealed("青茶铺")}, 100))
    assert sharer.results("S-2") == [("1900000109", "SUCCESS")]


def test_the_failed_part_of_a_finishing_share_becomes_free(
    sharer: Sharer, simulator: WechatSimulator
) -> None:
    sharer.earn()
    sharer.know(SHOP, CLERK)
    simulator.set_faults({"share": "partial"})
    sharer.share("S-1", (SHOP, 1000), (CLERK, 500), finish=True)
    sharer.ended("S-1")
    assert sharer.moves() == [("share", "S-1", 1000), ("unfreeze", "S-1", 9000)]
    assert sharer.pockets() == {"available": 9000, "frozen": 0, "refunding": 0}


def test_thirty_per_cent_in_all_and_not_a_fen_more(sharer: Sharer) -> None:
    sharer.earn(10_001)
    sharer.know(CLERK)
    refused(sharer.share("S-1", (CLERK, 3001)), 403, "RULE_LIMIT", "最大分账比例")
    sharer.share("S-2", (CLERK, 2000))
    sharer.ended("S-2")
    refused(sharer.share("S-3", (CLERK, 1001)), 403, "RULE_LIMIT")
    assert sharer.share("S-4", (CLERK, 1000)).status == 200
    sharer.ended("S-4")
    assert sum(amount for _, _, amount in sharer.moves()) == 3000


def test_what_failed_may_be_shared_again(sharer: Sharer, simulator: WechatSimulator) -> None:
    sharer.earn()
    sharer.know(CLERK)
    simulator.set_faults({"share": {"fault": "all_fail", "times": 1}})
    sharer.share("S-1", (CLERK, 3000))
    sharer.ended("S-1")
    assert sharer.share("S-2", (CLERK, 3000)).status == 200
    assert sharer.results("S-2") == [("o-clerk", "SUCCESS")]


def test_the_cap_shrinks_with_refunds_and_is_rounded_down(
    sharer: Sharer, merchant: Merchant
) -> None:
    sharer.earn()
    sharer.know(CLERK)
    assert merchant.refund("ORDER-1", "R-1", 3335, total=10_000).status == 200
    # floor((10000 - 3335) x 30 %) = 1999
    refused(sharer.share("S-1", (CLERK, 2000)), 400, "INVALID_REQUEST", "等比例扣除退款")
    assert sharer.share("S-2", (CLERK, 1999)).status == 200
    sharer.ended("S-2")
    assert sharer.moves("share") == [("share", "S-2", 1999)]


def test_a_full_refund_leaves_nothing_to_share(sharer: Sharer, merchant: Merchant) -> None:
    sharer.earn()
    sharer.know(CLERK)
    merchant.refund("ORDER-1", "R-1", 10_000, total=10_000)
    refused(sharer.share("S-1", (CLERK, 1)), 400, "INVALID_REQUEST")
    assert sharer.unsplit() == 0


def test_a_higher_ratio_still_cannot_share_what_is_not_there(
    sharer: Sharer, simulator: WechatSimulator
) -> None:
    simulator.set_max_ratio(10_000)
    sharer.earn()
    sharer.know(CLERK, SHOP)
    sharer.share("S-1", (CLERK, 6000))
    refused(sharer.share("S-2", (SHOP, 4001)), 403, "RULE_LIMIT")
    assert sharer.share("S-2", (SHOP, 4000)).status == 200


def test_a_refund_takes_frozen_money_first(
    sharer: Sharer, simulator: WechatSimulator, merchant: Merchant
) -> None:
    sharer.earn()
    answer = merchant.refund("ORDER-1", "R-1", 4000, total=10_000).json
    assert answer["funds_account"] == "UNAVAILABLE"
    assert answer["amount"]["from"] == [{"account": "UNAVAILABLE", "amount": 4000}]
    assert sharer.unsplit() == 6000
    wait_until(lambda: sharer.moves("refund") == [("refund", "R-1", 4000)])
    assert sharer.pockets() == {"available": 0, "frozen": 6000, "refunding": 0}


def test_what_was_shared_out_must_be_available_for_a_refund(
    sharer: Sharer, simulator: WechatSimulator, merchant: Merchant
) -> None:
    sharer.earn()
    sharer.know(SHOP)
    sharer.share("S-1", (SHOP, 3000))
    sharer.ended("S-1")
    refused(merchant.refund("ORDER-1", "R-1", 10_000, total=10_000), 403, "NOT_ENOUGH")
    assert sharer.pockets() == {"available": 0, "frozen": 7000, "refunding": 0}
    simulator.set_balance(3000)
    answer = merchant.refund("ORDER-1", "R-1", 10_000, total=10_000).json
    assert answer["amount"]["from"] == [
        {"account": "UNAVAILABLE", "amount": 7000},
        {"account": "AVAILABLE", "amount": 3000},
    ]
    wait_until(lambda: sharer.moves("refund"))
    assert sharer.pockets() == {"available": 0, "frozen": 0, "refunding": 0}


def test_a_refund_may_say_where_its_money_comes_from(
    sharer: Sharer, simulator: WechatSimulator, merchant: Merchant
) -> None:
    sharer.earn()
    simulator.set_balance(500)

    def refund(number: str, *parts: tuple[str, int]) -> Reply:
        amount = {"refund": 600, "total": 10_000, "currency": "CNY"}
        sources = [{"account": account, "amount": part} for account, part in parts]
        return merchant.refund(
            "ORDER-1", number, 600, total=10_000, changed={"amount": amount | {"from": sources}}
        )

    refused(refund("R-1", ("AVAILABLE", 500)), 400, "PARAM_ERROR", "add up")
    refused(refund("R-1", ("AVAILABLE", 600)), 403, "NOT_ENOUGH")
    assert refund("R-1", ("AVAILABLE", 500), ("UNAVAILABLE", 100)).status == 200
    assert (sharer.unsplit(), sharer.pockets()["available"]) == (9900, 0)


def test_a_closed_refund_is_frozen_again(
    sharer: Sharer, simulator: WechatSimulator, merchant: Merchant
) -> None:
    sharer.earn()
    simulator.set_faults({"refund": "closed"})
    merchant.refund("ORDER-1", "R-1", 4000, total=10_000)
    wait_until(lambda: merchant.query_refund("R-1").json["status"] == "CLOSED")
    assert sharer.pockets() == {"available": 0, "frozen": 10_000, "refunding": 0}
    assert sharer.unsplit() == 10_000


def test_a_refund_closed_after_the_unfreeze_becomes_free(
    sharer: Sharer, simulator: WechatSimulator, merchant: Merchant
) -> None:
    sharer.earn()
    simulator.set_faults({"refund": {"fault": "processing", "seconds": 600}})
    merchant.refund("ORDER-1", "R-1", 4000, total=10_000)
    sharer.unfreeze("U-1")
    sharer.ended("U-1")
    simulator.finish_refund("R-1", "CLOSED")
    assert sharer.pockets() == {"available": 10_000, "frozen": 0, "refunding": 0}
    assert sum(amount for _, _, amount in sharer.moves("unfreeze")) == 10_000


def test_after_thirty_days_the_money_unfreezes_by_itself(
    sharer: Sharer, simulator: WechatSimulator
) -> None:
    sharer.earn()
    simulator.set_clock(30 * DAY - 60)
    assert sharer.pockets()["frozen"] == 10_000
    simulator.set_clock(30 * DAY + 60)
    wait_until(lambda: sharer.moves() == [("unfreeze", "ORDER-1", 10_000)])
    assert sharer.pockets() == {"available": 10_000, "frozen": 0, "refunding": 0}
    simulator.set_clock(0)
    sharer.know(CLERK)
    refused(sharer.share("S-1", (CLERK, 1)), 400, "INVALID_REQUEST", "已完结分账")


@pytest.mark.parametrize(
    ("fault", "status", "code", "done"),
    [
        ("rate_limited", 429, "FREQUENCY_LIMITED", False),
        ("rate_limited_after", 429, "FREQUENCY_LIMITED", True),
        ("error_before", 500, "SYSTEM_ERROR", False),
        ("error_after", 500, "SYSTEM_ERROR", True),
        ("not_ready", 400, "INVALID_REQUEST", False),
    ],
)
def test_a_share_whose_answer_says_nothing_is_found_by_a_query_or_never_was(
    sharer: Sharer, simulator: WechatSimulator, fault: str, status: int, code: str, done: bool
) -> None:
    sharer.earn()
    sharer.know(CLERK)
    simulator.set_faults({"share": {"fault": fault, "times": 1, "match": "S-1"}})
    refused(sharer.share("S-1", (CLERK, 700)), status, code)
    assert sharer.query("S-1").status == (200 if done else 404)
    assert sharer.share("S-1", (CLERK, 700)).status == 200
    sharer.ended("S-1")
    assert sharer.moves() == [("share", "S-1", 700)]


def test_a_query_needs_the_right_payment(sharer: Sharer, merchant: Merchant) -> None:
    sharer.earn()
    sharer.know(CLERK)
    sharer.share("S-1", (CLERK, 700))
    refused(merchant.call("GET", f"{SHARES}/S-1"), 400, "PARAM_ERROR")
    reply = merchant.call("GET", f"{SHARES}/S-1?transaction_id=4200000000000000000000000000")
    refused(reply, 404, "RESOURCE_NOT_EXISTS")


def test_a_share_hides_for_a_while(sharer: Sharer, simulator: WechatSimulator) -> None:
    sharer.earn()
    sharer.know(CLERK)
    sharer.share("S-1", (CLERK, 700))
    simulator.set_faults({"query_share": {"fault": "not_found", "seconds": 600, "times": 1}})
    assert sharer.query("S-1").status == 404
    assert sharer.query("S-1").status == 200


def test_the_list_of_orders_tells_of_shares(sharer: Sharer, simulator: WechatSimulator) -> None:
    sharer.earn()
    sharer.know(SHOP)
    sharer.share("S-77", (SHOP, 700), (CLERK, 1))
    sharer.ended("S-77")
    (order,) = simulator.orders(search="S-77")
    assert order["frozen"] == 9300
    assert [(one["payee"], one["amount"], one["status"]) for one in order["shares"]] == [
        ("1900000109", 700, "SUCCESS"),
        ("o-clerk", 1, "CLOSED"),
    ]


# --- receivers ------------------------------------------------------------------------


def test_a_receiver_is_added_once_and_keeps_its_first_name(sharer: Sharer) -> None:
    first = sharer.add(**SHOP, name="青茶铺").json
    assert {name: first[name] for name in SHOP} == SHOP
    assert first["relation_type"] == "STORE"
    assert sharer.add(**SHOP, name="红茶铺").status == 200
    sharer.earn()
    sharer.share("S-1", (SHOP | {"name": sharer.merchant.sealed("青茶铺")}, 100))
    assert sharer.results("S-1") == [("1900000109", "SUCCESS")]


@pytest.mark.parametrize(
    ("members", "field"),
    [
        (SHOP, "name"),
        (CLERK | {"relation_type": "CUSTOM"}, "custom_relation"),
        (CLERK | {"relation_type": "FRIEND"}, "relation_type"),
        ({"type": "PERSONAL_WECHATID", "account": "someone"}, "type"),
        (CLERK | {"name": "not sealed"}, "name"),
    ],
)
def test_a_wrong_receiver_is_refused_with_the_field(
    merchant: Merchant, members: dict[str, str], field: str
) -> None:
    body = {"appid": merchant.identity["appid"], "relation_type": "STORE"} | members
    reply = merchant.call("POST", "/v3/profitsharing/receivers/add", body)
    refused(reply, 400, "PARAM_ERROR")
    assert reply.json["detail"]["field"] == f"#/properties/{field}"


def test_a_sealed_name_needs_the_serial_of_its_key(merchant: Merchant) -> None:
    body = {
        "appid": merchant.identity["appid"],
        "relation_type": "STORE",
        "name": merchant.sealed("青茶铺"),
    } | SHOP
    target = "/v3/profitsharing/receivers/add"
    for serial in (None, "PUB_KEY_ID_9"):
        reply = merchant.call("POST", target, body, headers={"Wechatpay-Serial": serial})
        refused(reply, 400, "PARAM_ERROR", "平台证书序列号Wechatpay-Serial错误")
    assert merchant.call("POST", target, body).status == 200


def test_the_sharer_does_not_receive_from_itself(sharer: Sharer) -> None:
    own = {"type": "MERCHANT_ID", "account": sharer.simulator.merchant}
    refused(sharer.add(**own), 400, "INVALID_REQUEST")
