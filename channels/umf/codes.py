"""UMF's return codes: pure data. From the public list of global codes and the order query's FAQ."""

from __future__ import annotations

OK = "0000"
PAYING = frozenset({"01000000", "02000000", "03000000"})
"""惠商平台, 银行, 正常支付中. An order that nobody has paid yet has them too: "待支付都是…"."""
REFUND_ACCEPTED = "88881220"
""" "才明确表示退款受理成功状态"."""
CANCELLED = "88881137"
""" "才明确表示撤销成功状态"."""
SYSTEM_ERROR = "9999"
BAD_SIGNATURE = "3333"
"""They could not verify our signature: a wrong key in the account."""
NOTHING_KNOWN = frozenset({SYSTEM_ERROR, BAD_SIGNATURE})
