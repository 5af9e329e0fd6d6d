"""Bills of the simulated WeChat Pay: its own book in the published form, hashed, gone in time."""

from __future__ import annotations

import gzip
import hashlib
import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from channels.simulators.wechat import Settings, WechatSimulator
from tests.channels.simulators.contract import holds
from tests.channels.simulators.sharer import SHOP, Sharer, refused
from tests.channels.simulators.wire_client import Merchant, Reply, wait_until

CHINA = timezone(timedelta(hours=8))
HOUR = 3600
DAY = 24 * HOUR
TRADE = "/v3/bill/tradebill"
FLOW = "/v3/bill/fundflowbill"
ALL_COLUMNS = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,"
    "交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,"
    "充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,"
    "费率备注"
)


@pytest.fixture
def simulator(make_simulator: Callable[..., WechatSimulator]) -> Any:
    return make_simulator(settings=Settings(time_scale=10_000_000, durable=False))


class Books:
    """Asks for bills at any moment of the simulator's calendar."""

    def __init__(self, simulator: WechatSimulator, merchant: Merchant) -> None:
        self.simulator = simulator
        self.merchant = merchant

    def get(self, target: str, *, contract: bool = True) -> Reply:
        stamp = int(self.simulator.clock.timestamp())
        value = self.merchant.authorization("GET", target, b"", stamp=stamp)
        reply = self.merchant.call("GET", target, authorization=value)
        if contract:
            holds("GET", target, reply)
        return reply

    def ask(self, path: str = TRADE, *, date: str = "", **query: str) -> Reply:
        day = date or datetime.now(CHINA).strftime("%Y-%m-%d")
        rest = "".join(f"&{name}={text}" for name, text in query.items())
        return self.get(f"{path}?bill_date={day}{rest}")

    def download(self, offer: Reply) -> Reply:
        url = offer.json["download_url"]
        assert url.startswith(self.simulator.base_url + "/v3/billdownload/file?token=")
        return self.get(url.removeprefix(self.simulator.base_url), contract=False)

    def text(self, path: str = TRADE, **query: str) -> str:
        offer = self.ask(path, **query)
        assert offer.status == 200, offer.body
        body = self.download(offer).body
        assert hashlib.sha1(body).hexdigest() == offer.json["hash_value"]
        return body.decode()


@pytest.fixture
def books(simulator: WechatSimulator, merchant: Merchant) -> Books:
    """The bill of today may be had today."""
    simulator.set_faults({"trade_bill": "open_day", "fund_flow_bill": "open_day"})
    return Books(simulator, merchant)


def rows(text: str) -> tuple[list[dict[str, str]], dict[str, str]]:
    lines = text.removeprefix("\ufeff").removesuffix("\n").split("\n")
    names, last_names = lines[0].split(","), lines[-2].split(",")
    values = [[cell.removeprefix("`") for cell in line.split(",")] for line in lines]
    details = [dict(zip(names, line, strict=True)) for line in values[1:-2]]
    return details, dict(zip(last_names, values[-1], strict=True))


def trade(simulator: WechatSimulator, merchant: Merchant) -> str:
    """One order of 123.45 yuan, of which 3.40 are refunded, and one that nobody paid."""
    merchant.prepay(
        "ORDER-1",
        description="青茶,一盒\n两盒",
        attach="a,b",
        amount={"total": 12_345, "currency": "CNY"},
    )
    merchant.prepay("ORDER-2")
    number: str = simulator.pay("ORDER-1")["transaction_id"]
    assert merchant.refund("ORDER-1", "R-1", 340, total=12_345).status == 200
    wait_until(lambda: merchant.query_refund("R-1").json["status"] == "SUCCESS")
    return number


def test_the_trade_bill_is_the_published_form_to_the_letter(
    simulator: WechatSimulator, merchant: Merchant, books: Books
) -> None:
    transaction_id = trade(simulator, merchant)
    refund_id = merchant.query_refund("R-1").json["refund_id"]
    text = books.text()
    lines = text.split("\n")
    moment = r"`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    appid, mchid = merchant.identity["appid"], merchant.identity["mchid"]
    openid = merchant.query("ORDER-1").json["payer"]["openid"]
    assert lines[0] == "\ufeff" + ALL_COLUMNS
    common = (
        f",`{appid},`{mchid},`0,`,`{transaction_id},`ORDER-1,`{openid},`NATIVE,`%s,`OTHERS,`CNY,"
    )
    assert re.fullmatch(moment, lines[1][:20])
    assert lines[1][20:] == (common % "SUCCESS") + (
        "`123.45,`0.00,`0,`0,`0.00,`0.00,`,`,`青茶\\ 一盒\\n两盒,`a\\ b,`0.00000,`0.00%,"
        "`123.45,`0.00,`"
    )
    assert lines[2][20:] == (common % "REFUND") + (
        f"`0.00,`0.00,`{refund_id},`R-1,`3.40,`0.00,`ORIGINAL,`SUCCESS,`青茶\\ 一盒\\n两盒,`a\\ b,"
        "`0.00000,`0.00%,`0.00,`3.40,`"
    )
    assert lines[3:] == [
        "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额",
        "`2.0,`123.45,`3.4,`0.0,`0.0,`123.45,`3.4",
        "",
    ]


def test_payments_alone_and_refunds_alone(
    simulator: WechatSimulator, merchant: Merchant, books: Books
) -> None:
    trade(simulator, merchant)
    paid, summary = rows(books.text(bill_type="SUCCESS"))
    assert [row["商户订单号"] for row in paid] == ["ORDER-1"]
    assert not any("退款" in name for name in paid[0])
    assert (summary["总交易单数"], summary["订单总金额"], summary["退款总金额"]) == (
        "1.0",
        "123.45",
        "0.0",
    )
    refunded, summary = rows(books.text(bill_type="REFUND"))
    assert [row["商户退款单号"] for row in refunded] == ["R-1"]
    assert refunded[0]["退款申请时间"] == refunded[0]["交易时间"]
    assert refunded[0]["退款成功时间"]
    assert summary["申请退款总金额"] == "3.4"


@pytest.mark.parametrize(
    ("fault", "word"),
    [("closed", "FAIL"), ("abnormal", "CHANGE"), ("processing", "PROCESSING")],
)
def test_a_bill_has_its_own_words_for_refunds(
    simulator: WechatSimulator, merchant: Merchant, books: Books, fault: str, word: str
) -> None:
    merchant.prepay("ORDER-1")
    simulator.pay("ORDER-1")
    rule = {"fault": fault, "seconds": 600} if fault == "processing" else fault
    simulator.set_faults({"refund": rule, "trade_bill": "open_day"})
    merchant.refund("ORDER-1", "R-1", 30)
    if fault != "processing":
        wait_until(lambda: merchant.query_refund("R-1").json["status"] != "PROCESSING")
    (row,), _ = rows(books.text(bill_type="REFUND"))
    assert (row["退款状态"], row["退款成功时间"]) == (word, "")


def test_the_hash_is_of_the_file_before_it_is_packed_and_the_file_is_not_signed(
    simulator: WechatSimulator, merchant: Merchant, books: Books
) -> None:
    trade(simulator, merchant)
    offer = books.ask(tar_type="GZIP")
    reply = books.download(offer)
    assert [name for name in reply.headers if name.lower().startswith("wechatpay")] == []
    assert reply.body[:2] == b"\x1f\x8b"
    plain = gzip.decompress(reply.body)
    assert offer.json["hash_type"] == "SHA1"
    assert offer.json["hash_value"] == hashlib.sha1(plain).hexdigest()
    assert plain.decode() == books.text()


def test_an_address_is_good_for_five_minutes(
    simulator: WechatSimulator, merchant: Merchant, books: Books
) -> None:
    trade(simulator, merchant)
    offer = books.ask()
    simulator.set_clock(290)
    assert books.download(offer).status == 200
    simulator.set_clock(310)
    refused(books.download(offer), 400, "INVALID_REQUEST")
    simulator.set_clock(0)
    refused(books.get("/v3/billdownload/file?token=nonsense"), 400, "INVALID_REQUEST")
    refused(books.get("/v3/billdownload/file?nothing=1", contract=False), 400, "PARAM_ERROR")


def test_a_download_must_be_signed_for_its_token(
    simulator: WechatSimulator, merchant: Merchant, books: Books
) -> None:
    trade(simulator, merchant)
    target = books.ask().json["download_url"].removeprefix(simulator.base_url)
    value = merchant.authorization("GET", target.partition("?")[0], b"")
    refused(merchant.call("GET", target, authorization=value), 401, "SIGN_ERROR")


def test_a_day_without_trades_has_no_bill(books: Books) -> None:
    refused(books.ask(), 400, "NO_STATEMENT_EXIST")
    refused(books.ask(FLOW), 400, "NO_STATEMENT_EXIST")


def at(hour: int, *, days: int = 0) -> float:
    """The offset at which it is this hour in China, ``days`` from today."""
    now = datetime.now(CHINA)
    wanted = now.replace(hour=hour, minute=30, second=0) + timedelta(days=days)
    return (wanted - now).total_seconds()


def test_yesterdays_bill_is_made_in_the_morning(
    simulator: WechatSimulator, merchant: Merchant, books: Books
) -> None:
    simulator.set_faults({})
    trade(simulator, merchant)
    today = datetime.now(CHINA)
    refused(books.ask(), 400, "INVALID_REQUEST")
    for hour in (0, 9):
        simulator.set_clock(at(hour, days=1))
        refused(books.ask(date=today.strftime("%Y-%m-%d")), 400, "STATEMENT_CREATING")
    simulator.set_clock(at(10, days=1))
    details, _ = rows(books.text(date=today.strftime("%Y-%m-%d")))
    assert [row["交易状态"] for row in details] == ["SUCCESS", "REFUND"]


def test_bills_reach_three_months_back_and_not_forward(books: Books) -> None:
    now = datetime.now(CHINA)
    for days, code in (
        (91, "NO_STATEMENT_EXIST"),
        (94, "INVALID_REQUEST"),
        (-1, "INVALID_REQUEST"),
    ):
        date = (now - timedelta(days=days)).strftime("%Y-%m-%d")
        refused(books.ask(date=date), 400, code)


@pytest.mark.parametrize(
    "target",
    [
        TRADE,
        f"{TRADE}?bill_date=20261120",
        f"{TRADE}?bill_date=2026-13-01",
        f"{TRADE}?bill_date=2026-11-19&bill_type=EVERYTHING",
        f"{FLOW}?bill_date=2026-11-19&account_type=OTHER",
        f"{FLOW}?bill_date=2026-11-19&bill_date=2026-11-18",
    ],
)
def test_a_question_out_of_form_is_refused(merchant: Merchant, target: str) -> None:
    reply = merchant.call("GET", target)
    refused(reply, 400, "PARAM_ERROR")
    assert reply.json["detail"]["location"] == "query"


def test_a_day_is_a_day_of_china(
    simulator: WechatSimulator, merchant: Merchant, books: Books
) -> None:
    midnight = datetime.now(CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
    orders = {"LATE-1": -60.0, "EARLY-1": 60.0}
    for number, seconds in orders.items():
        simulator.set_clock(0)
        merchant.prepay(number)
        simulator.set_clock(midnight.timestamp() + seconds - time.time())
        simulator.pay(number, force=True)
    simulator.set_clock(at(12))
    details, _ = rows(books.text())
    assert [row["商户订单号"] for row in details] == ["EARLY-1"]
    assert details[0]["交易时间"].endswith(" 00:01:00") or details[0]["交易时间"].endswith("00:59")


def test_the_fund_flow_tells_every_movement_with_the_balance_after_it(
    simulator: WechatSimulator, merchant: Merchant, books: Books
) -> None:
    sharer = Sharer(simulator, merchant)
    simulator.set_balance(50_000)
    sharer.earn(10_000)
    sharer.know(SHOP)
    sharer.share("S-1", (SHOP, 2000))
    sharer.ended("S-1")
    sharer.give_back("B-1", 500)
    merchant.refund("ORDER-1", "R-1", 1000, total=10_000)
    wait_until(lambda: sharer.moves("refund"))
    sharer.unfreeze("U-1")
    sharer.ended("U-1")
    text = books.text(FLOW)
    assert text.split("\n")[0] == (
        "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),"
        "账户结余(元),资金变更提交申请人,备注,业务凭证号"
    )
    details, summary = rows(text)
    told = [
        (
            row["业务类型"],
            row["收支类型"],
            row["收支金额(元)"],
            row["账户结余(元)"],
            row["业务凭证号"],
        )
        for row in details
    ]
    assert told == [
        ("充值", "收入", "500.00", "500.00", ""),
        ("交易", "收入", "100.00", "600.00", "ORDER-1"),
        ("分账", "支出", "20.00", "580.00", "S-1"),
        ("分账回退", "收入", "5.00", "585.00", "B-1"),
        ("退款", "支出", "10.00", "575.00", "R-1"),
    ]
    assert len({row["资金流水单号"] for row in details}) == 5
    assert summary == {
        "资金流水总笔数": "5.0",
        "收入笔数": "3.0",
        "收入金额": "605.0",
        "支出笔数": "2.0",
        "支出金额": "30.0",
    }
    total = sum(sharer.pockets().values())
    assert total == 57_500


def test_other_accounts_have_no_flow(
    simulator: WechatSimulator, merchant: Merchant, books: Books
) -> None:
    trade(simulator, merchant)
    refused(books.ask(FLOW, account_type="OPERATION"), 400, "NO_STATEMENT_EXIST")
    assert books.ask(FLOW, account_type="BASIC").status == 200


def test_a_bill_can_be_spoilt(simulator: WechatSimulator, merchant: Merchant, books: Books) -> None:
    trade(simulator, merchant)

    def spoil(*faults: Any) -> None:
        simulator.set_faults({"trade_bill": ["open_day", *faults]})

    spoil({"fault": "wrong_amount", "delta": 7})
    details, summary = rows(books.text())
    assert (details[0]["订单金额"], summary["订单总金额"]) == ("123.52", "123.52")
    spoil("missing_line")
    details, summary = rows(books.text())
    assert ([row["交易状态"] for row in details], summary["总交易单数"]) == (["REFUND"], "1.0")
    spoil("wrong_hash")
    offer = books.ask()
    assert offer.json["hash_value"] != hashlib.sha1(books.download(offer).body).hexdigest()
    spoil("creating")
    refused(books.ask(), 400, "STATEMENT_CREATING")
