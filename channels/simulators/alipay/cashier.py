"""The cashier: what a browser sees after page, wap and app pay, and after scanning a code.

Called by ``simulator``. Plain HTML without scripts, in the browser's language; loads nothing.
"""

from __future__ import annotations

import html
import sqlite3
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from channels.simulators.alipay.errors import ApiError
from channels.simulators.alipay.keys import Keys, sign_string
from channels.simulators.alipay.money import yuan
from channels.simulators.alipay.texts import stamp
from channels.simulators.core.web import Answer, Request

HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline';"
    " frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
WORDS = {
    "zh": {
        "title": "支付宝收银台（模拟）",
        "pay": "确认付款",
        "quit": "返回商户",
        "paid": "付款成功",
        "closed": "交易已关闭",
        "expired": "已过付款时间",
        "code_expired": "二维码已过期",
        "already_paid": "付款成功",
        "missing": "没有这笔交易",
        "refused": "支付宝没有受理这次请求",
    },
    "en": {
        "title": "Alipay cashier (simulated)",
        "pay": "Pay now",
        "quit": "Back to the shop",
        "paid": "Paid",
        "closed": "This trade is closed",
        "expired": "The time to pay is over",
        "code_expired": "The code is too old",
        "already_paid": "Paid",
        "missing": "There is no such trade",
        "refused": "Alipay did not take this request",
    },
}
PAGE = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>
<style>:root{{color-scheme:light dark;--ink:#1f2a37;--bg:#eef3fb;--card:#fff;--brand:#1668dc}}
@media (prefers-color-scheme:dark){{:root{{--ink:#e6edf7;--bg:#0e1420;--card:#182234;
--brand:#4d94ff}}}}
body{{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,"PingFang SC",
"Microsoft YaHei","Noto Sans CJK SC",sans-serif;display:grid;place-items:center;min-height:100vh}}
main{{background:var(--card);border-radius:16px;padding:36px;width:min(92vw,420px);
box-sizing:border-box;text-align:center}}h1{{font-size:15px;margin:0 0 22px;color:var(--brand)}}
b{{display:block;font-size:38px;font-variant-numeric:tabular-nums;margin:10px 0 4px}}
p{{margin:4px 0;overflow-wrap:anywhere}}small{{opacity:.65;overflow-wrap:anywhere}}
button,a.to{{display:block;width:100%;box-sizing:border-box;margin-top:22px;padding:13px;border:0;
border-radius:10px;background:var(--brand);color:#fff;font:inherit;font-weight:600;cursor:pointer;
text-decoration:none}}a.quiet{{display:inline-block;margin-top:16px;color:inherit}}</style></head>
<body><main><h1>{title}</h1>{content}</main></body></html>
"""


def words_of(request: Request) -> tuple[str, Mapping[str, str]]:
    is_chinese = request.header("accept-language").lower().startswith("zh")
    return ("zh-Hans", WORDS["zh"]) if is_chinese else ("en", WORDS["en"])


def _page(request: Request, content: str, *, status: int = 200) -> Answer:
    lang, words = words_of(request)
    text = PAGE.format(lang=lang, title=words["title"], content=content)
    return Answer(status=status, headers=HEADERS, body=text.encode())


def show(request: Request, trade: sqlite3.Row, *, problem: str, back: str) -> Answer:
    """The trade, and what the customer can do: pay, or read why not."""
    _, words = words_of(request)
    content = (
        f"<p>{html.escape(trade['subject'])}</p><b>¥{yuan(trade['total'])}</b>"
        f"<small>{html.escape(trade['out_trade_no'])}</small>"
    )
    if problem:
        content += f"<p>{words[problem]}</p>"
        if back:
            content += f'<a class="to" href="{html.escape(back)}">{words["quit"]}</a>'
        return _page(request, content)
    content += (
        '<form method="post" action="/cashier/pay">'
        f'<input type="hidden" name="token" value="{html.escape(trade["token"])}">'
        f"<button>{words['pay']}</button></form>"
    )
    if trade["quit_url"].startswith(("http://", "https://")):
        where = html.escape(trade["quit_url"])
        content += f'<a class="quiet" href="{where}">{words["quit"]}</a>'
    return _page(request, content)


def missing(request: Request) -> Answer:
    _, words = words_of(request)
    return _page(request, f"<p>{words['missing']}</p>", status=404)


def refused(request: Request, error: ApiError) -> Answer:
    """What the browser gets where an API would have got the node."""
    _, words = words_of(request)
    told = (error.code, error.sub_code, error.sub_msg)
    content = f"<p>{words['refused']}</p>" + "".join(f"<p>{html.escape(one)}</p>" for one in told)
    return _page(request, content)


def go(url: str) -> Answer:
    # A header is ASCII; what a merchant put into its address may not be.
    where = quote(url, safe="%/:=&?~#+!$,;'@()*[]")
    return Answer(status=303, headers={"Location": where, "Cache-Control": "no-store"})


def return_address(trade: sqlite3.Row, *, seller: Mapping[str, str], keys: Keys, now: float) -> str:
    """``return_url`` with what the synchronous return carries: signed, and without a status."""
    if not trade["return_url"].startswith(("http://", "https://")):
        return ""
    fields = {
        "app_id": seller["app_id"],
        "auth_app_id": seller["auth_app_id"],
        "seller_id": seller["seller_id"],
        "charset": "utf-8",
        "version": "1.0",
        "method": f"{trade['method']}.return",
        "out_trade_no": trade["out_trade_no"],
        "trade_no": trade["trade_no"],
        "total_amount": yuan(trade["total"]),
        "timestamp": stamp(now),
    }
    message = sign_string(((k, v.encode()) for k, v in fields.items()), without=())
    cert = keys.alipay_cert_sn if trade["certificates"] else ""
    sign = keys.sign(message, sign_type=trade["sign_type"], cert=cert)
    signed = urlencode({**fields, "sign_type": trade["sign_type"], "sign": sign})
    url: str = trade["return_url"]
    return f"{url}{'&' if '?' in url else '?'}{signed}"
