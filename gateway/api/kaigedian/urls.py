"""The addresses of 开个店's calls, under ``/order/``."""

from __future__ import annotations

from django.urls import path

from gateway.api.kaigedian import views

urlpatterns = [path("<path:name>", views.call)]
