"""The addresses under /hserve/. Every version of an address answers alike; a slash at the end may
be left out. docs/doors/minapp.md says which of them are 知晓云's own and which this house's."""

from __future__ import annotations

from django.urls import URLPattern, re_path

from gateway.api.minapp import receivers, sharing, splits
from gateway.api.minapp.orders import Order, Orders, Refund, Refunds
from gateway.api.minapp.views import Nothing

PAY = r"^v[12]\.[0-9]{1,2}/idp/pay"
WECHAT, ALIPAY = rf"{PAY}/wechat", rf"{PAY}/alipay"
OF_WECHAT, OF_ALIPAY = {"channel": "wechat"}, {"channel": "alipay"}

urlpatterns: list[URLPattern] = [
    re_path(rf"{PAY}/order/?$", Orders.as_view()),
    re_path(rf"{PAY}/order/(?P<number>[^/]+)/?$", Order.as_view()),
    re_path(rf"{PAY}/refund/?$", Refunds.as_view()),
    re_path(rf"{PAY}/refund/(?P<number>[^/]+)/?$", Refund.as_view()),
    re_path(rf"{WECHAT}/profit-sharing/?$", sharing.Share.as_view(**OF_WECHAT, finishes=True)),
    re_path(rf"{WECHAT}/multi-profit-sharing/?$", sharing.Share.as_view(**OF_WECHAT)),
    re_path(rf"{WECHAT}/profit-sharing/order/?$", splits.Splits.as_view(**OF_WECHAT)),
    re_path(rf"{WECHAT}/profit-sharing/order/finish/?$", sharing.Finish.as_view()),
    re_path(rf"{WECHAT}/profit-sharing/order/refund/?$", sharing.FetchBack.as_view()),
    re_path(rf"{WECHAT}/profit-sharing/receiver/?$", receivers.WechatReceivers.as_view()),
    re_path(
        rf"{WECHAT}/profit-sharing/receiver/remove/?$",
        receivers.WechatReceivers.as_view(wanted=False),
    ),
    re_path(rf"{ALIPAY}/profit-sharing/?$", sharing.Share.as_view(**OF_ALIPAY)),
    re_path(rf"{ALIPAY}/profit-sharing/order/?$", splits.Splits.as_view(**OF_ALIPAY)),
    re_path(rf"{ALIPAY}/profit-sharing/receiver/?$", receivers.AlipayReceivers.as_view()),
    re_path(
        rf"{ALIPAY}/profit-sharing/receiver/remove/?$",
        receivers.AlipayReceivers.as_view(wanted=False),
    ),
    re_path(r"", Nothing.as_view()),
]
