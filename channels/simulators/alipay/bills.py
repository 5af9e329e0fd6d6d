"""The trade bill of a simulated Alipay: one day or month of its own book, zipped.

Called by ``simulator``. Two GBK files whose names are GBK too, without the flag that would say
UTF-8; text cells end with a tab, refunds are negative.
"""

from __future__ import annotations

import io
import re
import secrets
import sqlite3
import zipfile
from datetime import datetime, timedelta
from typing import Any

from channels.simulators.alipay import texts
from channels.simulators.alipay.errors import business, success
from channels.simulators.alipay.money import yuan
from channels.simulators.core.clock import CHINA, Clock
from channels.simulators.core.fields import FieldError
from channels.simulators.core.store import Store, insert

LINK_SECONDS = 30
"""«获取连接后30秒后未下载，链接地址失效»."""
READY_HOUR = 9
"""A day's bill is there from this hour of the next day on, a month's on the next month's first."""
COLUMNS = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,"
    "对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,"
    "商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,"
    "退款批次号/请求号,服务费（元）,分润（元）,备注"
)
SUMMARY_COLUMNS = (
    "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,"
    "商家优惠（元）,卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）"
)
RULE = "#-----------------------------------------{}----------------------------------------"
RULE_END = "#-----------------------------------------{}------------------------------------"
ROWS = """
SELECT 'pay' AS kind, t.*, t.paid AS sum, t.paid_at AS done_at, '' AS request_no, '' AS reason
  FROM trades t WHERE t.paid_at >= :start AND t.paid_at < :end
UNION ALL
SELECT 'refund', t.*, -r.amount, r.finished_at, r.out_request_no, r.reason
  FROM refunds r JOIN trades t USING (out_trade_no)
 WHERE r.status = 'SUCCESS' AND r.finished_at >= :start AND r.finished_at < :end
ORDER BY done_at
"""


class Bills:
    def __init__(self, store: Store, clock: Clock, *, seller: str, base_url: str) -> None:
        self._store = store
        self._clock = clock
        self._seller = seller
        self._base_url = base_url

    def link(self, kind: str, day: str) -> dict[str, Any]:
        """An address for the next 30 seconds. Raises ApiError where there is no such bill."""
        if kind != "trade":
            raise business("isp.bill_not_exist")
        start, end = _period(day)
        ready = (end + timedelta(hours=READY_HOUR)).timestamp()
        if self._clock.timestamp() < ready or not self._rows(start, end):
            raise business("isp.bill_not_exist")
        token = secrets.token_urlsafe(18)
        until = self._clock.timestamp() + LINK_SECONDS
        with self._store.write() as db:
            columns = {"token": token, "kind": kind, "day": day, "until": until}
            insert(db, "bill_links", columns)
        return success(bill_download_url=f"{self._base_url}/bill/download?token={token}")

    def file(self, token: str) -> tuple[str, bytes] | None:
        """Name and content of the zip; None where the address is unknown or too old."""
        row = self._store.one("SELECT * FROM bill_links WHERE token = ?", token)
        if row is None or self._clock.timestamp() > row["until"]:
            return None
        start, end = _period(row["day"])
        name = f"{self._seller}0156_{start:%Y%m%d}"
        rows = self._rows(start, end)
        files = (
            (f"{name}_业务明细.csv", self._details(rows, start, end)),
            (f"{name}_业务明细(汇总).csv", self._summary(rows, start, end)),
        )
        return f"{name}.csv.zip", _zip(files)

    def _rows(self, start: datetime, end: datetime) -> list[sqlite3.Row]:
        return self._store.named(ROWS, {"start": start.timestamp(), "end": end.timestamp()})

    def _details(self, rows: list[sqlite3.Row], start: datetime, end: datetime) -> str:
        pays = [row["sum"] for row in rows if row["kind"] == "pay"]
        refunds = [row["sum"] for row in rows if row["kind"] == "refund"]
        lines = [
            *self._head("支付宝业务明细查询", start, end),
            RULE.format("业务明细列表"),
            COLUMNS,
            *(_line(row) for row in rows),
            RULE_END.format("业务明细列表结束"),
            f"#交易合计：{len(pays)}笔，商家实收共{yuan(sum(pays))}元，商家优惠共0.00元",
            f"#退款合计：{len(refunds)}笔，商家实收退款共{yuan(sum(refunds))}元，"
            "商家优惠退款共0.00元",
            self._exported(),
        ]
        return "\r\n".join(lines) + "\r\n"

    def _summary(self, rows: list[sqlite3.Row], start: datetime, end: datetime) -> str:
        pays = [row["sum"] for row in rows if row["kind"] == "pay"]
        total = sum(row["sum"] for row in rows)
        cells = ["合计\t", "\t", str(len(pays)), str(len(rows) - len(pays))]
        cells += [yuan(total), yuan(total), "0.00", "0.00", "0.00", "0.00", "0.00", yuan(total)]
        lines = [
            *self._head("支付宝业务汇总查询", start, end),
            RULE.format("业务汇总列表"),
            SUMMARY_COLUMNS,
            ",".join(cells),
            RULE_END.format("业务汇总列表结束"),
            self._exported(),
        ]
        return "\r\n".join(lines) + "\r\n"

    def _head(self, title: str, start: datetime, end: datetime) -> list[str]:
        form = "%Y年%m月%d日 %H:%M:%S"
        return [
            f"#{title}",
            f"#账号：[{self._seller}0156]",
            f"#起始日期：[{start.strftime(form)}]   终止日期：[{end.strftime(form)}]",
        ]

    def _exported(self) -> str:
        return f"#导出时间：[{texts.china(self._clock.timestamp()):%Y年%m月%d日 %H:%M:%S}]"


def _period(day: str) -> tuple[datetime, datetime]:
    """A day, or a month where the day is not named. Raises FieldError."""
    is_month = day.count("-") == 1
    try:
        start = datetime.strptime(day, "%Y-%m" if is_month else "%Y-%m-%d").replace(tzinfo=CHINA)
    except ValueError as error:
        raise FieldError(("bill_date",), "is not a date") from error
    if is_month:
        return start, (start + timedelta(days=32)).replace(day=1)
    return start, start + timedelta(days=1)


def _line(row: sqlite3.Row) -> str:
    """One trade or refund; commas would break the table, so the real one replaces them."""
    title, is_refund = re.sub(r"[,\r\n\t]", " ", row["subject"]), row["kind"] == "refund"
    remark = re.sub(r"[,\r\n\t]", " ", row["reason"]) if is_refund else title
    amount, zero = yuan(row["sum"]), "0.00"
    cells = [
        f"{row['trade_no']}\t",
        f"{row['out_trade_no']}\t",
        ("退款" if is_refund else "交易") + "\t",
        title,
        texts.stamp(row["created_at"]),
        texts.stamp(row["done_at"]),
        f"{row['store_id']}\t",
        f"{row['store_id']}\t",
        "\t",
        "\t",
        "*津水(159****5620)\t",
        *(amount, amount, zero, zero, zero, zero, zero),
        "",
        f"{zero}\t",
        zero,
        f"{row['request_no']}\t",
        *(zero, zero),
        remark,
    ]
    return ",".join(cells)


class _GbkInfo(zipfile.ZipInfo):
    """A name that stands in the archive as GBK bytes and says nothing of its encoding."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode("gbk"), self.flag_bits


def _zip(files: tuple[tuple[str, str], ...]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files:
            info = _GbkInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, text.encode("gb18030"))
    return packed.getvalue()
