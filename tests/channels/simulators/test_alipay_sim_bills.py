"""The bill of the simulated Alipay: what stands in it, how it is written, how long it is there."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from channels.simulators.alipay import AlipaySimulator
from tests.channels.simulators.alipay_client import Reply, Shop, stamp

DAY = 86400
METHOD = "alipay.data.dataservice.bill.downloadurl.query"
HEADER = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,"
    "订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,"
    "券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,"
    "分润（元）,备注"
)
"""«业务明细» as published."""


def ask(shop: Shop, day: str, *, later: float = 2 * DAY, kind: str = "trade") -> Reply:
    biz = {"bill_type": kind, "bill_date": day}
    return shop.call(METHOD, biz, timestamp=stamp(later))


@pytest.fixture
def day(alipay: AlipaySimulator, shop: Shop) -> str:
    """Today in China; two payments, a part and a whole given back; it is the day after tomorrow."""
    today = stamp()[:10]
    shop.precreate("ORDER1", "88.88", subject="青茶，一盒, A&B")
    alipay.pay("ORDER1")
    shop.refund("ORDER1", "R1", "8.80", refund_reason="少一盒")
    shop.precreate("ORDER2", "0.01", store_id="S1")
    alipay.pay("ORDER2")
    shop.cancel("ORDER2")
    shop.precreate("ORDER3", "5.00")
    alipay.set_clock(2 * DAY)
    return today


def files(shop: Shop, url: str) -> dict[str, list[str]]:
    reply = shop.request("GET", url.removeprefix(shop.base_url))
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/zip")
    archive = zipfile.ZipFile(io.BytesIO(reply.raw), metadata_encoding="gbk")
    assert archive.testzip() is None
    return {name: archive.read(name).decode("gb18030").split("\r\n") for name in archive.namelist()}


def test_the_bill_is_two_gbk_files_with_every_movement_of_the_day(
    alipay: AlipaySimulator, shop: Shop, day: str
) -> None:
    both = files(shop, ask(shop, day).node["bill_download_url"])
    prefix = f"{alipay.merchant}0156_{day.replace('-', '')}"
    assert list(both) == [f"{prefix}_业务明细.csv", f"{prefix}_业务明细(汇总).csv"]
    lines = both[f"{prefix}_业务明细.csv"]
    date = f"{day[:4]}年{day[5:7]}月{day[8:]}日"
    assert lines[0] == "#支付宝业务明细查询"
    assert lines[1] == f"#账号：[{alipay.merchant}0156]"
    assert lines[2].startswith(f"#起始日期：[{date} 00:00:00]   终止日期：[")
    assert lines[3] == f"#{'-' * 41}业务明细列表{'-' * 40}"
    assert lines[4] == HEADER
    rows = [line.split(",") for line in lines[5:9]]
    assert {len(row) for row in rows} == {25}
    assert [(row[1], row[2], row[11], row[12], row[21]) for row in rows] == [
        ("ORDER1\t", "交易\t", "88.88", "88.88", "\t"),
        ("ORDER1\t", "退款\t", "-8.80", "-8.80", "R1\t"),
        ("ORDER2\t", "交易\t", "0.01", "0.01", "\t"),
        ("ORDER2\t", "退款\t", "-0.01", "-0.01", "ORDER2\t"),
    ]
    assert rows[0][3] == "青茶，一盒  A&B"
    assert (rows[1][24], rows[2][6]) == ("少一盒", "S1\t")
    trade_no = shop.call(
        "alipay.trade.query", {"out_trade_no": "ORDER1"}, timestamp=stamp(2 * DAY)
    ).node["trade_no"]
    assert rows[0][0] == f"{trade_no}\t"
    assert lines[9] == f"#{'-' * 41}业务明细列表结束{'-' * 36}"
    assert lines[10] == "#交易合计：2笔，商家实收共88.89元，商家优惠共0.00元"
    assert lines[11] == "#退款合计：2笔，商家实收退款共-8.81元，商家优惠退款共0.00元"
    assert lines[12].startswith("#导出时间：[")
    summary = both[f"{prefix}_业务明细(汇总).csv"]
    assert summary[5].split(",")[2:5] == ["2", "2", "80.08"]


def test_the_names_in_the_archive_are_gbk_without_the_flag_of_utf8(
    alipay: AlipaySimulator, shop: Shop, day: str
) -> None:
    url = ask(shop, day).node["bill_download_url"]
    raw = shop.request("GET", url.removeprefix(shop.base_url)).raw
    flags, length = struct.unpack("<H18xH", raw[6:28])
    assert flags & 0x800 == 0
    assert raw[30 : 30 + length].decode("gbk").endswith("_业务明细.csv")


def test_a_month_is_a_bill_too(alipay: AlipaySimulator, shop: Shop, day: str) -> None:
    alipay.set_clock(40 * DAY)
    url = ask(shop, day[:7], later=40 * DAY).node["bill_download_url"]
    details = next(iter(files(shop, url).values()))
    assert details[10] == "#交易合计：2笔，商家实收共88.89元，商家优惠共0.00元"


def test_an_address_is_good_for_thirty_seconds(
    alipay: AlipaySimulator, shop: Shop, day: str
) -> None:
    url = ask(shop, day).node["bill_download_url"].removeprefix(shop.base_url)
    assert shop.request("GET", url).status == 200
    alipay.set_clock(2 * DAY + 31)
    assert shop.request("GET", url).status == 403


@pytest.mark.parametrize(
    ("day", "later", "kind", "code"),
    [
        (stamp()[:10], 0, "trade", "isp.bill_not_exist"),
        ("2020-01-01", 0, "trade", "isp.bill_not_exist"),
        (stamp()[:7], 0, "trade", "isp.bill_not_exist"),
        (stamp()[:10], 2 * DAY, "signcustomer", "isp.bill_not_exist"),
        ("2026-02-30", 0, "trade", "INVALID_PARAMETER"),
        ("20260101", 0, "trade", "INVALID_PARAMETER"),
        (stamp()[:10], 2 * DAY, "everything", "INVALID_PARAMETER"),
    ],
)
def test_a_bill_that_is_not_there(
    make_alipay: Callable[..., AlipaySimulator],
    alipay_identity: dict[str, Any],
    day: str,
    later: int,
    kind: str,
    code: str,
) -> None:
    alipay = make_alipay()
    shop = Shop(alipay_identity, alipay.base_url)
    shop.precreate("ORDER1")
    alipay.pay("ORDER1")
    alipay.set_clock(later)
    assert ask(shop, day, later=later, kind=kind).code == f"40004 {code}"
