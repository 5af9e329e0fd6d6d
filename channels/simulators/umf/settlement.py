"""The settlement file of a simulated UMF (对账文件). Called by ``simulator``; writes nothing.

One line per payment and per refund that succeeded on the day in China, as the page
"对账文件下载" lists the columns. A repealed payment appears in neither direction [inferred].
"""

from __future__ import annotations

from datetime import datetime, timedelta

from channels.simulators.core.clock import CHINA, Clock
from channels.simulators.core.faults import Plan
from channels.simulators.core.store import Store
from channels.simulators.umf import codes
from channels.simulators.umf.codes import Refused
from channels.simulators.umf.texts import day

SHOP = "联动优势模拟商户"
PAID, REFUNDED = "01", "20"
ROWS = """
SELECT paid_at AS time, order_id AS number, '01' AS kind, pay_type, paid AS amount, pay_seq
FROM trades WHERE state = 'SUCCESS' AND paid_at >= :start AND paid_at < :end
UNION ALL
SELECT r.finished_at, r.refund_order_id, '20', t.pay_type, r.amount, r.pay_seq
FROM refunds r JOIN trades t ON t.order_id = r.order_id
WHERE r.status = 'SUCCESS' AND r.finished_at >= :start AND r.finished_at < :end
ORDER BY time, number
"""


def settlement_file(store: Store, clock: Clock, wanted: str, *, merchant: str, plan: Plan) -> str:
    """The file's text; "0|0|" on a day without money. Raises Refused for a day not over."""
    today = day(clock.timestamp())
    if wanted > today or (wanted == today and "open_day" not in plan):
        raise Refused(codes.NO_FILE)
    start = datetime.strptime(wanted, "%Y%m%d").replace(tzinfo=CHINA)
    span = {"start": start.timestamp(), "end": (start + timedelta(days=1)).timestamp()}
    rows = [
        (row["number"], row["kind"], row["pay_type"], row["amount"], row["pay_seq"])
        for row in store.named(ROWS, span)
    ]
    if rows and "missing_line" in plan:
        rows = rows[1:]
    skew = plan.get("wrong_amount")
    if rows and skew is not None:
        number, kind, pay_type, amount, pay_seq = rows[0]
        rows[0] = (number, kind, pay_type, max(amount + skew.delta, 0), pay_seq)
    total = sum(amount if kind == PAID else -amount for _, kind, _, amount, _ in rows)
    lines = [f"{len(rows)}|{total}|"]
    for number, kind, pay_type, amount, pay_seq in rows:
        cells = (
            wanted, number, kind, pay_type, merchant, merchant, SHOP, "", str(amount), "", "0",
            str(amount), "", "", pay_seq,
        )  # fmt: skip
        lines.append("|".join(cells))
    return "\n".join(lines)
