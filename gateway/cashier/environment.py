"""Where a page is open, told by its browser. Pure; it chooses what is offered and never what is
allowed.

The words and their order are those of DaxPay's H5 pages (opendaxpay/dax-pay-h5, entry of
``/cashier/:orderNo``).
"""

from __future__ import annotations

import re
from enum import StrEnum

from orders.services.checkout import Environment


class ClientEnv(StrEnum):
    """``clientEnv`` of DaxPay."""

    WECHAT = "wechat"
    ALIPAY = "alipay"
    UNION_PAY = "union_pay"
    DOUYIN = "douyin"
    BROWSER = "browser"


class CashierType(StrEnum):
    """``cashierType`` of DaxPay."""

    H5 = "h5"
    WEB = "web"
    MINI = "mini"


SIGNS: tuple[tuple[ClientEnv, tuple[str, ...]], ...] = (
    (ClientEnv.WECHAT, ("micromessenger",)),
    (ClientEnv.ALIPAY, ("alipayclient", "alipay")),
    (ClientEnv.UNION_PAY, ("unionpay", "cloudpay", "upwallet")),
    (ClientEnv.DOUYIN, ("aweme", "toutiao", "douyin")),
)
PHONE = re.compile(r"android|iphone|ipad|ipod|harmony|mobile", re.IGNORECASE)


def client_env(user_agent: str) -> ClientEnv:
    """The wallet whose browser it is, else ``browser``."""
    text = user_agent.lower()
    return next(
        (env for env, words in SIGNS if any(word in text for word in words)), ClientEnv.BROWSER
    )


def cashier_type(user_agent: str) -> CashierType:
    """A phone's page or a desktop's."""
    on_phone = client_env(user_agent) is not ClientEnv.BROWSER or PHONE.search(user_agent)
    return CashierType.H5 if on_phone else CashierType.WEB


def environment(env: ClientEnv, kind: CashierType) -> Environment:
    """What the services call it. A mini program is its wallet."""
    if env is ClientEnv.WECHAT:
        return Environment.WECHAT
    if env is ClientEnv.ALIPAY:
        return Environment.ALIPAY
    return Environment.DESKTOP if kind is CashierType.WEB else Environment.PHONE
