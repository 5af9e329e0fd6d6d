"""The lines of a simulated WeChat Pay's bills, column by column as its documents list them.

Used by ``bills``. Amounts are yuan with two decimals, each value stands behind a backtick, commas
inside of a merchant's own words are escaped; a summary of one line follows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from channels.simulators.core.clock import CHINA
from channels.simulators.core.store import Store

COMMON = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,"
    "交易状态,付款银行,货币种类,应结订单金额,代金券金额"
)
REFUND_TIMES = "退款申请时间,退款成功时间"
REFUND_COLUMNS = "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态"
GOODS = "商品名称,商户数据包,手续费,费率,订单金额"
HEADERS = {
    "ALL": f"{COMMON},{REFUND_COLUMNS},{GOODS},申请退款金额,费率备注",
    "SUCCESS": f"{COMMON},{GOODS},费率备注",
    "REFUND": f"{COMMON},{REFUND_TIMES},{REFUND_COLUMNS},{GOODS},申请退款金额,费率备注",
}
TRADE_SUMMARY = (
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
)
FLOW_HEADER = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),"
    "资金变更提交申请人,备注,业务凭证号"
)
FLOW_SUMMARY = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"
REFUND_WORDS = {
    "PROCESSING": "PROCESSING",
    "SUCCESS": "SUCCESS",
    "CLOSED": "FAIL",
    "ABNORMAL": "CHANGE",
}
"""退款状态 of a bill is not the ``status`` of the API."""
FLOWS = {
    "pay": ("交易", 1),
    "refund": ("退款", -1),
    "cancel": ("撤销", -1),
    "share": ("分账", -1),
    "return": ("分账回退", 1),
    "transfer": ("商家转账", -1),
    "top_up": ("充值", 1),
    "withdraw": ("提现", -1),
}
"""Kinds of movement that change what the merchant has, and in which direction."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """``fen`` is what the order or the movement is about, ``sign`` whether it came in."""

    values: Mapping[str, str]
    fen: int
    sign: int
    columns: tuple[str, ...]
    """Those that state ``fen``."""

    def off_by(self, delta: int) -> Line:
        fen = max(self.fen + delta, 0)
        values = dict(self.values) | dict.fromkeys(self.columns, yuan(fen))
        return replace(self, values=values, fen=fen)


def yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def _loose(fen: int) -> str:
    """As the summaries write it: 0.47, 0.5, 0.0."""
    text = yuan(fen)
    return text.removesuffix("0")


def _moment(timestamp: float) -> str:
    return datetime.fromtimestamp(int(timestamp), CHINA).strftime("%Y-%m-%d %H:%M:%S")


def _escaped(text: str) -> str:
    """A comma becomes backslash and space, a line break backslash and n."""
    return text.replace(",", "\\ ").replace("\r", "").replace("\n", "\\n")


def trade_lines(
    store: Store, kind: str, *, start: float, end: float, merchant: str, appid: str
) -> list[Line]:
    """Payments of the day and refunds accepted on it, in the order of time. A reversed payment is
    not among them [chosen]."""
    lines: list[tuple[float, Line]] = []
    if kind != "REFUND":
        paid = store.all(
            "SELECT * FROM trades WHERE paid_at >= ? AND paid_at < ? AND reversed_at IS NULL",
            start,
            end,
        )
        lines += [(row["paid_at"], _payment(row)) for row in paid]
    if kind != "SUCCESS":
        refunded = store.all(
            "SELECT t.*, r.out_refund_no, r.refund_id, r.amount, r.status, r.channel,"
            " r.created_at AS asked_at, r.finished_at FROM refunds r JOIN trades t"
            " ON t.out_trade_no = r.out_trade_no WHERE r.created_at >= ? AND r.created_at < ?",
            start,
            end,
        )
        lines += [(row["asked_at"], _refund(row)) for row in refunded]
    lines.sort(key=lambda pair: pair[0])
    common = {"公众账号ID": appid, "商户号": merchant, "特约商户号": "0"}
    return [replace(line, values={**line.values, **common}) for _, line in lines]


def _trade(row: sqlite3.Row) -> dict[str, str]:
    return {
        "微信订单号": row["transaction_id"],
        "商户订单号": row["out_trade_no"],
        "用户标识": row["openid"],
        "交易类型": row["trade_type"],
        "付款银行": "OTHERS",
        "货币种类": "CNY",
        "商品名称": _escaped(row["description"]),
        "商户数据包": _escaped(row["attach"]),
        "代金券金额": "0.00",
        "充值券退款金额": "0.00",
        "手续费": "0.00000",
        "费率": "0.00%",
    }


def _payment(row: sqlite3.Row) -> Line:
    values = _trade(row) | {
        "交易时间": _moment(row["paid_at"]),
        "交易状态": "SUCCESS",
        "应结订单金额": yuan(row["paid"]),
        "订单金额": yuan(row["paid"]),
        "微信退款单号": "0",
        "商户退款单号": "0",
        "退款金额": "0.00",
        "申请退款金额": "0.00",
    }
    return Line(values=values, fen=row["paid"], sign=1, columns=("应结订单金额", "订单金额"))


def _refund(row: sqlite3.Row) -> Line:
    done = row["status"] == "SUCCESS"
    values = _trade(row) | {
        "交易时间": _moment(row["asked_at"]),
        "交易状态": "REFUND",
        "应结订单金额": "0.00",
        "订单金额": "0.00",
        "退款申请时间": _moment(row["asked_at"]),
        "退款成功时间": _moment(row["finished_at"]) if done else "",
        "微信退款单号": row["refund_id"],
        "商户退款单号": row["out_refund_no"],
        "退款金额": yuan(row["amount"]),
        "申请退款金额": yuan(row["amount"]),
        "退款类型": row["channel"],
        "退款状态": REFUND_WORDS[row["status"]],
    }
    return Line(values=values, fen=row["amount"], sign=-1, columns=("退款金额", "申请退款金额"))


def flow_lines(store: Store, *, start: float, end: float, merchant: str) -> list[Line]:
    """Movements of the day with the balance after each: all that the merchant has, held or not.

    The balance is counted backwards from today's, so that what was there in the beginning counts.
    """
    with store.write() as db:  # both at one moment
        account = db.execute("SELECT * FROM balances WHERE merchant = ?", (merchant,)).fetchone()
        rows = db.execute(
            "SELECT * FROM movements WHERE time >= ? ORDER BY id DESC", (start,)
        ).fetchall()
    balance = account["available"] + account["frozen"] + account["refunding"]
    lines: list[Line] = []
    for row in rows:
        if row["kind"] not in FLOWS:
            continue
        word, sign = FLOWS[row["kind"]]
        if row["time"] < end:
            lines.append(_flow(row, word, sign, balance=balance))
        balance -= sign * row["amount"]
    return lines[::-1]


def _flow(row: sqlite3.Row, word: str, sign: int, *, balance: int) -> Line:
    day = datetime.fromtimestamp(row["time"], CHINA).strftime("%Y%m%d")
    values = {
        "记账时间": _moment(row["time"]),
        "微信支付业务单号": row["out_no"],
        "资金流水单号": f"{row['merchant']}{day}{row['id']:010d}",
        "业务名称": word,
        "业务类型": word,
        "收支类型": "收入" if sign > 0 else "支出",
        "收支金额(元)": yuan(row["amount"]),
        "账户结余(元)": yuan(balance),
        "资金变更提交申请人": "system" if row["kind"] == "pay" else f"{row['merchant']}API",
        "备注": "",
        "业务凭证号": row["our_no"],
    }
    return Line(values=values, fen=row["amount"], sign=sign, columns=("收支金额(元)",))


def trade_file(kind: str, lines: Sequence[Line]) -> bytes | None:
    """The whole bill; None where nothing happened. It begins with a byte order mark."""
    paid = sum(line.fen for line in lines if line.sign > 0)
    refunded = sum(line.fen for line in lines if line.sign < 0)
    sums = (paid, refunded, 0, 0, paid, refunded)
    summary = [f"{len(lines)}.0", *(_loose(fen) for fen in sums)]
    return _file("\ufeff" + HEADERS[kind], HEADERS[kind], lines, TRADE_SUMMARY, summary)


def flow_file(lines: Sequence[Line]) -> bytes | None:
    incoming = [line.fen for line in lines if line.sign > 0]
    outgoing = [line.fen for line in lines if line.sign < 0]
    summary: list[Any] = [f"{len(lines)}.0"]
    for side in (incoming, outgoing):
        summary += [f"{len(side)}.0", _loose(sum(side))]
    return _file(FLOW_HEADER, FLOW_HEADER, lines, FLOW_SUMMARY, summary)


def _file(
    first: str, header: str, lines: Sequence[Line], summary_header: str, summary: Sequence[str]
) -> bytes | None:
    if not lines:
        return None
    names = header.split(",")
    rows = [",".join("`" + line.values.get(name, "") for name in names) for line in lines]
    last = ",".join("`" + value for value in summary)
    return "\n".join((first, *rows, summary_header, last, "")).encode()
