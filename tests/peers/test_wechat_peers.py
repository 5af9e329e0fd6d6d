"""PyPI's wechatpayv3 drives the simulated WeChat Pay: each accepts the other's signatures.

Our adapter is tested against this simulator; these tests say what that is worth.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from channels.simulators.wechat import Settings, WechatSimulator, credentials, new_identity
from tests.channels.simulators.wire_client import Notification, Receiver, wait_until
from tests.peers.peer import Peer, PeerError

pytestmark = pytest.mark.peers("wechatpayv3")

Call = Callable[..., Any]
CHINA = timezone(timedelta(hours=8))
SHOP = {"type": "MERCHANT_ID", "account": "1900000109"}
QUICK = Settings(time_scale=10_000_000, initial_balance=500_000, durable=False)


@pytest.fixture(scope="module")
def identity() -> dict[str, Any]:
    return new_identity()


@pytest.fixture
def simulator(identity: dict[str, Any]) -> Iterator[WechatSimulator]:
    simulator = WechatSimulator(identity, settings=QUICK)
    simulator.start()
    yield simulator
    simulator.stop()
    assert simulator.crashes == 0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    receiver.start()
    yield receiver
    receiver.stop()


BOTH = pytest.mark.parametrize("mode", ["public key", "certificates"])


@pytest.fixture
def mode() -> str:
    """How the client verifies; notifications are signed with the public key, so that is usual."""
    return "public key"


@pytest.fixture
def peer(
    identity: dict[str, Any], simulator: WechatSimulator, receiver: Receiver, mode: str
) -> Iterator[Peer]:
    given = credentials(identity, simulator.base_url)
    peer = Peer(
        "wechatpayv3",
        "wechat_client.py",
        notify_url=receiver.url,
        certificates=mode == "certificates",
        **given,
    )
    yield peer
    peer.close()


@pytest.fixture
def call(peer: Peer) -> Call:
    """A call that succeeds; what it answers."""

    def one(method: str, *, status: int = 200, **given: Any) -> Any:
        came, document = peer.ask("call", method=method, **given)
        assert came == status, document
        return document

    return one


def order(call: Call, number: str = "ORDER-1", *, total: int = 10_000, **more: Any) -> Any:
    amount = {"total": total, "currency": "CNY"}
    return call("pay", description="青茶一盒", out_trade_no=number, amount=amount, **more)


def heard(peer: Peer, notification: Notification) -> Any:
    headers = {
        name: notification.headers[name]
        for name in notification.headers
        if name.startswith("Wechatpay-")
    }
    return peer.ask("callback", headers=headers, body=notification.body.decode())


def moves(simulator: WechatSimulator) -> list[tuple[str, str, int]]:
    found = simulator.book()["movements"]
    return [(move["kind"], move["our_no"], move["amount"]) for move in found]


def test_pay_query_refund_and_both_callbacks(
    simulator: WechatSimulator, peer: Peer, call: Call, receiver: Receiver
) -> None:
    assert order(call)["code_url"].startswith("weixin://wxpay/bizpayurl?pr=")
    assert call("query", out_trade_no="ORDER-1")["trade_state"] == "NOTPAY"
    number = simulator.pay("ORDER-1")["transaction_id"]
    assert call("query", transaction_id=number)["trade_state"] == "SUCCESS"
    amount = {"refund": 3000, "total": 10_000, "currency": "CNY"}
    refund = call(
        "refund",
        out_trade_no="ORDER-1",
        out_refund_no="R-1",
        amount=amount,
        notify_url=receiver.url,
    )
    assert refund["status"] == "PROCESSING"
    wait_until(lambda: call("query_refund", out_refund_no="R-1")["status"] == "SUCCESS")
    assert call("query", out_trade_no="ORDER-1")["trade_state"] == "REFUND"
    paid, refunded = (heard(peer, notification) for notification in receiver.wait_for(2))
    assert (paid["event_type"], paid["resource"]["out_trade_no"]) == (
        "TRANSACTION.SUCCESS",
        "ORDER-1",
    )
    assert (refunded["event_type"], refunded["resource"]["refund_status"]) == (
        "REFUND.SUCCESS",
        "SUCCESS",
    )
    assert moves(simulator) == [("pay", "ORDER-1", 10_000), ("refund", "R-1", 3000)]


@BOTH
def test_close_and_a_refusal(simulator: WechatSimulator, call: Call) -> None:
    order(call)
    assert call("close", status=204, out_trade_no="ORDER-1") is None
    assert call("query", out_trade_no="ORDER-1")["trade_state"] == "CLOSED"
    refusal = call("query", status=404, out_trade_no="ORDER-9")
    assert refusal["code"] == "ORDER_NOT_EXIST"


@BOTH
@pytest.mark.parametrize("fault", ["bad_signature", "signtest", "unsigned", "wrong_serial"])
def test_an_answer_with_a_wrong_signature_is_refused_by_the_client(
    simulator: WechatSimulator, peer: Peer, call: Call, fault: str
) -> None:
    simulator.set_faults({"pay": {"fault": fault, "times": 1}})
    with pytest.raises(PeerError):
        order(call)
    assert order(call)["code_url"]


@pytest.mark.parametrize("fault", ["forged", "bad_signature"])
def test_a_notification_that_is_not_theirs_is_refused_by_the_client(
    simulator: WechatSimulator, peer: Peer, call: Call, receiver: Receiver, fault: str
) -> None:
    simulator.set_faults({"callback": fault})
    order(call)
    simulator.pay("ORDER-1")
    assert heard(peer, receiver.wait_for(1)[0]) is None


@BOTH
def test_a_rotated_certificate_is_fetched_by_the_client(
    simulator: WechatSimulator, peer: Peer, call: Call
) -> None:
    simulator.set_faults({"pay": {"fault": "rotated", "times": 1}})
    assert order(call)["code_url"]


@BOTH
def test_share_query_return_unfreeze_and_the_remaining_amount(
    simulator: WechatSimulator, call: Call
) -> None:
    order(call, settle_info={"profit_sharing": True})
    number = simulator.pay("ORDER-1")["transaction_id"]
    added = call(
        "profitsharing_add_receiver",
        account_type="MERCHANT_ID",
        account=SHOP["account"],
        relation_type="STORE",
        name="青茶铺",
    )
    assert {name: added[name] for name in SHOP} == SHOP
    line = SHOP | {"amount": 2000, "description": "分给门店", "name": "青茶铺"}
    shared = call(
        "profitsharing_order",
        transaction_id=number,
        out_order_no="S-1",
        receivers=[line],
        unfreeze_unsplit=False,
    )
    assert shared["order_id"]

    def told() -> Any:
        return call("profitsharing_order_query", transaction_id=number, out_order_no="S-1")

    wait_until(lambda: told()["state"] == "FINISHED")
    assert told()["receivers"][0]["result"] == "SUCCESS"
    assert call("profitsharing_amount_query", transaction_id=number)["unsplit_amount"] == 8000
    back = {"out_order_no": "S-1", "out_return_no": "B-1"}
    given = call(
        "profitsharing_return",
        **back,
        return_mchid=SHOP["account"],
        amount=500,
        description="用户退款",
    )
    assert given["result"] == "SUCCESS"
    assert call("profitsharing_return_query", **back)["result"] == "SUCCESS"
    call(
        "profitsharing_unfreeze",
        transaction_id=number,
        out_order_no="U-1",
        description="解冻全部剩余资金",
    )
    wait_until(lambda: len(moves(simulator)) == 4)
    assert moves(simulator)[1:] == [
        ("share", "S-1", 2000),
        ("return", "B-1", 500),
        ("unfreeze", "U-1", 8000),
    ]
    deleted = call(
        "profitsharing_delete_receiver", account_type="MERCHANT_ID", account=SHOP["account"]
    )
    assert deleted == SHOP


REPORT = [
    {"info_type": "活动名称", "info_content": "新茶上市"},
    {"info_type": "奖励说明", "info_content": "分享奖励"},
]


def test_a_notification_in_the_old_mode_is_opened_with_the_certificate(
    simulator: WechatSimulator, peer: Peer, call: Call, receiver: Receiver
) -> None:
    simulator.set_faults({"callback": "certificate"})
    order(call)
    simulator.pay("ORDER-1")
    assert heard(peer, receiver.wait_for(1)[0])["event_type"] == "TRANSACTION.SUCCESS"


def test_transfer_confirm_cancel_and_the_callback(
    simulator: WechatSimulator, peer: Peer, call: Call, receiver: Receiver
) -> None:
    def transfer(number: str) -> Any:
        return call(
            "mch_transfer_bills",
            out_bill_no=number,
            transfer_scene_id="1000",
            openid="o-payee",
            transfer_amount=5000,
            transfer_remark="活动奖励",
            user_name="王小明",
            transfer_scene_report_infos=REPORT,
        )

    assert transfer("T1")["state"] == "WAIT_USER_CONFIRM"
    simulator.confirm("T1")
    told = call("mch_transfer_bills_query", out_bill_no="T1")
    assert (told["state"], told["transfer_amount"]) == ("SUCCESS", 5000)
    notice = heard(peer, receiver.wait_for(1)[0])
    assert notice["event_type"] == "MCHTRANSFER.BILL.FINISHED"
    assert (notice["resource"]["out_bill_no"], notice["resource"]["state"]) == ("T1", "SUCCESS")
    transfer("T2")
    assert call("mch_transfer_bills_cancel", out_bill_no="T2")["state"] == "CANCELING"
    wait_until(lambda: call("mch_transfer_bills_query", out_bill_no="T2")["state"] == "CANCELLED")
    assert moves(simulator) == [("transfer", "T1", 5000)]


@BOTH
def test_an_abnormal_refund_to_a_bank_card(simulator: WechatSimulator, call: Call) -> None:
    order(call)
    simulator.pay("ORDER-1")
    simulator.set_faults({"refund": "abnormal"})
    amount = {"refund": 3000, "total": 10_000, "currency": "CNY"}
    number = call("refund", out_trade_no="ORDER-1", out_refund_no="R-1", amount=amount)["refund_id"]
    wait_until(lambda: call("query_refund", out_refund_no="R-1")["status"] == "ABNORMAL")
    answer = call(
        "abnormal_refund",
        refund_id=number,
        out_refund_no="R-1",
        type="USER_BANK_CARD",
        bank_type="CMB_DEBIT",
        bank_account="6225880137060403",
        real_name="王小明",
    )
    assert answer["user_received_account"] == "CMB_DEBIT0403"
    wait_until(lambda: call("query_refund", out_refund_no="R-1")["status"] == "SUCCESS")


@BOTH
@pytest.mark.parametrize("method", ["trade_bill", "fundflow_bill"])
def test_bills_are_asked_for_and_downloaded(
    simulator: WechatSimulator, call: Call, method: str
) -> None:
    simulator.set_faults({"trade_bill": "open_day", "fund_flow_bill": "open_day"})
    order(call)
    number = simulator.pay("ORDER-1")["transaction_id"]
    offer = call(method, bill_date=datetime.now(CHINA).strftime("%Y-%m-%d"))
    plain = gzip.decompress(base64.b64decode(call("download_bill", url=offer["download_url"])))
    assert hashlib.sha1(plain).hexdigest() == offer["hash_value"]
    assert f"`{number}" in plain.decode()
