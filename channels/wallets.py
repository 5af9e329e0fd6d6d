"""Which payment codes (付款码) a wallet shows its customer. Pure facts; read by the channels'
capabilities, by the guards of the services and by docs/channels.md. Never keeps or shows a code.

Sources: WeChat Pay "付款码支付" (auth_code: 18 digits, begins with 10 to 15); Alipay
"alipay.trade.pay" (auth_code: 16 to 24 digits, begins with 25 to 30); UnionPay's codes as UMF's
page "用户被扫" has them (mediaNo: 19 digits, begins with 62).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Wallet:
    """The form of one wallet's codes: how many digits, and how they begin."""

    first: int
    last: int
    """The two leading digits are from ``first`` to ``last``."""
    shortest: int
    longest: int
    """Digits in all."""

    def shows(self, code: str) -> bool:
        """Whether ``code`` has the form of this wallet's codes."""
        return (
            code.isascii()
            and code.isdigit()
            and self.shortest <= len(code) <= self.longest
            and self.first <= int(code[:2]) <= self.last
        )

    def __str__(self) -> str:
        """``16–24: 25–30…``, for people of every language."""
        digits = _span(self.shortest, self.longest)
        return f"{digits}: {_span(self.first, self.last)}…"


def _span(least: int, most: int) -> str:
    return str(least) if least == most else f"{least}–{most}"


WECHAT = Wallet(first=10, last=15, shortest=18, longest=18)
ALIPAY = Wallet(first=25, last=30, shortest=16, longest=24)
UNIONPAY = Wallet(first=62, last=62, shortest=19, longest=19)
