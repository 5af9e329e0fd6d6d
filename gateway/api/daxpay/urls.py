"""Addresses under /unipay/. The last one answers whatever no other one takes."""

from __future__ import annotations

from django.urls import path, re_path

from gateway.api.daxpay import checkout_urls, views
from gateway.api.daxpay.g3 import views as g3

urlpatterns = [
    *(
        path(name, g3.shared(name, views.view(name)), name=f"daxpay-{name}")
        for name in views.ENDPOINTS
    ),
    *g3.urlpatterns,
    path("callback/ping", views.callback_ping, name="daxpay-callback-ping"),
    *checkout_urls.urlpatterns,
    re_path("", views.nothing),
]
