"""Transfers at the simulated Alipay: out once per number, back where they fail or bounce."""

from __future__ import annotations

from typing import Any

import pytest

from channels.simulators.alipay import AlipaySimulator
from channels.simulators.core.errors import ControlError
from tests.channels.simulators.alipay_client import Shop
from tests.channels.simulators.wire_client import wait_until

CARD = {
    "product_code": "TRANS_BANKCARD_NO_PWD",
    "payee_info": {
        "identity": "6222000000000001",
        "identity_type": "BANKCARD_ACCOUNT",
        "name": "李四",
        "bankcard_ext_info": {"inst_name": "招商银行", "account_type": "2"},
    },
}


@pytest.fixture(autouse=True)
def money(alipay: AlipaySimulator) -> None:
    alipay.set_balance(10_000)


def movements(alipay: AlipaySimulator) -> list[tuple[str, str, int]]:
    return [(m["kind"], m["our_no"], m["amount"]) for m in alipay.book()["movements"][1:]]


def available(alipay: AlipaySimulator) -> int:
    return alipay.book()["balances"][alipay.merchant]["available"]


def status(shop: Shop, number: str) -> str:
    return shop.query_transfer(number).node["status"]


def test_a_transfer_leaves_at_once_and_once(alipay: AlipaySimulator, shop: Shop) -> None:
    made = shop.transfer("T1", "3.00").node
    assert made["status"] == "SUCCESS"
    assert shop.transfer("T1", "3.00").node == made
    told = shop.query_transfer("T1").node
    assert (told["status"], told["trans_amount"]) == ("SUCCESS", "3.00")
    assert (told["order_id"], told["out_biz_no"]) == (made["order_id"], "T1")
    by_id = shop.call("alipay.fund.trans.common.query", {"order_id": made["order_id"]}).node
    assert by_id == told
    assert movements(alipay) == [("transfer", "T1", 300)]
    assert available(alipay) == 9_700


def test_another_content_under_the_same_number_is_refused(
    alipay: AlipaySimulator, shop: Shop
) -> None:
    shop.transfer("T1", "3.00")
    assert shop.transfer("T1", "3.01").code == "40004 PAYMENT_INFO_INCONSISTENCY"
    assert shop.transfer("T1", "3.00", **CARD).code == "40004 PAYMENT_INFO_INCONSISTENCY"
    assert movements(alipay) == [("transfer", "T1", 300)]


def test_without_the_money_nothing_happens_and_the_number_stays_free(
    alipay: AlipaySimulator, shop: Shop
) -> None:
    assert shop.transfer("T1", "100.01").code == "40004 PAYER_BALANCE_NOT_ENOUGH"
    assert shop.query_transfer("T1").code == "40004 ORDER_NOT_EXIST"
    assert movements(alipay) == []
    assert shop.transfer("T1", "100.00").node["status"] == "SUCCESS"
    assert available(alipay) == 0


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"trans_amount": "0.09"}, "EXCEED_LIMIT_SM_MIN_AMOUNT"),
        ({"trans_amount": "50000.00"}, "MEMO_REQUIRED_IN_TRANSFER_ERROR"),
        ({"trans_amount": "0.00"}, "INVALID_PARAMETER"),
        ({"biz_scene": "GIFT"}, "INVALID_PARAMETER"),
        ({"payee_info": {"identity": "x"}}, "INVALID_PARAMETER"),
        (
            {"payee_info": {"identity": "a@b.example", "identity_type": "ALIPAY_LOGON_ID"}},
            "INVALID_PARAMETER",
        ),
        (
            {"payee_info": {"identity": "nobody", "identity_type": "ALIPAY_USER_ID"}},
            "PAYEE_NOT_EXIST",
        ),
        (
            {
                "payee_info": {
                    "identity": "a@b.example",
                    "identity_type": "ALIPAY_LOGON_ID",
                    "name": "名不符",
                }
            },
            "PAYEE_USER_INFO_ERROR",
        ),
        ({"product_code": "TRANS_BANKCARD_NO_PWD"}, "INVALID_PARAMETER"),
    ],
)
def test_a_transfer_that_cannot_be_moves_nothing(
    alipay: AlipaySimulator, shop: Shop, changed: dict[str, Any], code: str
) -> None:
    assert shop.transfer("T1", **{"amount": "1.00"} | changed).code == f"40004 {code}"
    assert shop.query_transfer("T1").code == "40004 ORDER_NOT_EXIST"
    assert movements(alipay) == []


def test_a_bank_card_takes_a_while(alipay: AlipaySimulator, shop: Shop) -> None:
    alipay.set_faults({"transfer": {"fault": "processing", "seconds": 3600}})
    assert shop.transfer("T1", "3.00", **CARD).node["status"] == "DEALING"
    told = shop.query_transfer("T1").node
    assert (told["status"], "pay_date" in told) == ("DEALING", False)
    alipay.set_faults({})
    assert shop.transfer("T2", "3.00", **CARD).node["status"] == "DEALING"
    wait_until(lambda: status(shop, "T2") == "SUCCESS")
    assert status(shop, "T1") == "DEALING"
    assert movements(alipay) == [("transfer", "T1", 300), ("transfer", "T2", 300)]


def test_a_failed_transfer_gives_the_money_back(alipay: AlipaySimulator, shop: Shop) -> None:
    alipay.set_faults({"transfer": "fail"})
    assert shop.transfer("T1", "3.00").node["status"] == "DEALING"
    wait_until(lambda: status(shop, "T1") == "FAIL")
    told = shop.query_transfer("T1").node
    assert (told["error_code"], told["fail_reason"] != "") == ("PAYEE_USER_INFO_ERROR", True)
    assert movements(alipay) == [("transfer", "T1", 300), ("transfer_back", "T1", 300)]
    assert available(alipay) == 10_000
    assert shop.transfer("T1", "3.00").node["status"] == "FAIL"
    assert available(alipay) == 10_000


def test_a_bank_can_return_what_was_a_success(alipay: AlipaySimulator, shop: Shop) -> None:
    alipay.set_faults({"transfer": "bounce"})
    shop.transfer("T1", "3.00", **CARD)
    wait_until(lambda: status(shop, "T1") == "REFUND")
    assert movements(alipay) == [("transfer", "T1", 300), ("transfer_back", "T1", 300)]
    assert available(alipay) == 10_000


def test_a_transfer_is_ended_by_hand_along_its_states(alipay: AlipaySimulator, shop: Shop) -> None:
    alipay.set_faults({"transfer": {"fault": "processing", "seconds": 3600}})
    shop.transfer("T1", "3.00")
    with pytest.raises(ControlError, match="is DEALING"):
        alipay.finish_transfer("T1", "REFUND")
    assert alipay.finish_transfer("T1", "SUCCESS")["status"] == "SUCCESS"
    with pytest.raises(ControlError, match="is SUCCESS"):
        alipay.finish_transfer("T1", "FAIL")
    assert movements(alipay) == [("transfer", "T1", 300)]
    assert alipay.finish_transfer("T1", "REFUND")["status"] == "REFUND"
    with pytest.raises(ControlError, match="no transfer"):
        alipay.finish_transfer("T2", "SUCCESS")
    (listed,) = alipay.transfers()
    assert (listed["our_no"], listed["state"], listed["amount"]) == ("T1", "REFUND", 300)
    assert available(alipay) == 10_000
