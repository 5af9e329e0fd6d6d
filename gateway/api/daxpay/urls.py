"""Addresses under /unipay/. The last one answers whatever no other one takes."""

from __future__ import annotations

from django.urls import path, re_path

from gateway.api.daxpay import checkout_urls, views

urlpatterns = [
    *(path(name, views.view(name), name=f"daxpay-{name}") for name in views.ENDPOINTS),
    path("callback/ping", views.callback_ping, name="daxpay-callback-ping"),
    *checkout_urls.urlpatterns,
    re_path("", views.nothing),
]
