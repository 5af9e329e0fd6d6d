"""What of an exchange may be kept: no secret, no personal data. Pure.

A request is shown decoded, one parameter a line, because people read it. An answer is worked on as
text, not as parsed JSON, so that a cut or broken body is scrubbed too.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode

from channels.base import Request, Response

MASK = "***"
_PERSONAL = (
    "buyer_id",
    "buyer_user_id",
    "buyer_open_id",
    "buyer_logon_id",
    "buyer_user_name",
    "buyer_name",
    "user_id",
    "open_id",
    "logon_id",
    "login_name",
    "bind_login_name",
    "seller_email",
    "auth_code",
    "identity",
    "name",
    "account",
    "trans_in",
    "trans_in_name",
    "trans_out",
    "payee_account",
    "payee_name",
    "cert_no",
    "mobile",
    "bill_download_url",  # Holds a token that opens the bill.
    "sign",
)
_NAMES = "|".join(_PERSONAL)
_VALUE = r'(?:"(?:[^"\\]|\\.)*(?:"|\\?$)|[0-9][0-9.eE+-]*)'
_MEMBER = re.compile(rf'("(?:{_NAMES})"\s*:\s*){_VALUE}', re.DOTALL)
_INSIDE = re.compile(rf'(\\"(?:{_NAMES})\\"\s*:\s*)\\"[^"\\]*(?:\\"|\\?$)')
"""A member of JSON that is itself a text inside JSON."""
_TOLD = frozenset(
    (
        "notify_time", "notify_type", "notify_id", "app_id", "auth_app_id", "charset", "version",
        "sign_type", "alipay_cert_sn", "trade_no", "out_trade_no", "out_biz_no", "seller_id",
        "trade_status", "total_amount", "receipt_amount", "invoice_amount", "buyer_pay_amount",
        "point_amount", "refund_fee", "fund_bill_list", "gmt_create", "gmt_payment", "gmt_refund",
        "gmt_close",
    )
)  # fmt: skip
"""Of the notification's parameters ("异步通知参数"), those that name no buyer and quote nobody."""
_MAX_FIELDS = 200
_KEPT_HEADERS = ("Date", "Content-Type", "trace_id")


def request_text(request: Request) -> str:
    """Method and address, then the parameters."""
    address, _, query = request.url.partition("?")
    given = "&".join(part for part in (query, request.body.decode("ascii", "replace")) if part)
    lines = [f"{request.method} {address}"]
    for name, value in parse_qsl(given, keep_blank_values=True):
        lines.append(f"{name}={MASK if name in _PERSONAL else json_text(value)}")
    return "\n".join(lines)


def response_text(response: Response) -> str:
    headers = [
        f"{name}: {response.headers[name]}" for name in _KEPT_HEADERS if response.headers.get(name)
    ]
    lines = [f"HTTP {response.status}", *headers]
    if not response.body:
        return "\n".join(lines)
    text = response.body.decode("utf-8", errors="replace").replace("\x00", "\ufffd")
    return "\n".join([*lines, "", json_text(text)])


def callback_text(body: bytes) -> str:
    """A notification's form; what is not known to be harmless is masked, whatever its name."""
    try:
        form = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=True,
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError:
        return MASK
    kept = [(name, value if name in _TOLD else MASK) for name, value in form]
    return urlencode(kept, safe="*")


def json_text(text: str) -> str:
    text = _MEMBER.sub(rf'\1"{MASK}"', text)
    return _INSIDE.sub(rf'\1\\"{MASK}\\"', text)
