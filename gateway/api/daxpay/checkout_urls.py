"""Addresses under /unipay/gateway/: the merchant's two are signed, the customer page's are not."""

from __future__ import annotations

from collections.abc import Mapping

from django.urls import URLPattern, path

from gateway.api.daxpay import cashier, checkout
from gateway.api.daxpay.frame import Endpoint

ENDPOINTS: Mapping[str, Endpoint] = {
    "gateway/pre-pay": Endpoint(shape=checkout.PRE_PAY, work=checkout.pre_pay),
    "gateway/query": Endpoint(shape=checkout.NAMED, work=checkout.query),
}
"""By their address under /unipay/, as in ``views``."""

urlpatterns: list[URLPattern] = [
    path("gateway/order", cashier.order, name="daxpay-cashier-order"),
    path("gateway/cashier/items", cashier.items, name="daxpay-cashier-items"),
    path("gateway/cashier/pay", cashier.pay, name="daxpay-cashier-pay"),
    path("gateway/aggregate/meta", cashier.aggregate_meta, name="daxpay-aggregate-meta"),
    path("gateway/aggregate/pay", cashier.aggregate_pay, name="daxpay-aggregate-pay"),
]
