"""The addresses of API v1. ``no`` may hold slashes (a merchant's number, percent-encoded)."""

from __future__ import annotations

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from gateway.api.v1 import (
    allocations,
    base,
    docs,
    events,
    notices,
    pay_orders,
    receivers,
    refunds,
    returns,
    schema,
    store_orders,
    transfers,
)

app_name = "api"

urlpatterns = [
    path("v1/pay-orders", pay_orders.PayOrders.as_view(), name="pay-orders"),
    path("v1/pay-orders/<path:no>/close", pay_orders.PayOrderClose.as_view()),
    path("v1/pay-orders/<path:no>/cancel", pay_orders.PayOrderCancel.as_view()),
    path("v1/pay-orders/<path:no>/sync", pay_orders.PayOrderSync.as_view()),
    path("v1/pay-orders/<path:no>/allocate", allocations.PayOrderAllocate.as_view()),
    path("v1/pay-orders/<path:no>/operations", pay_orders.PayOrderOperations.as_view()),
    path("v1/pay-orders/<path:no>", pay_orders.PayOrderDetail.as_view(), name="pay-order"),
    path("v1/refunds", refunds.Refunds.as_view(), name="refunds"),
    path("v1/refunds/<path:no>/sync", refunds.RefundSync.as_view()),
    path("v1/refunds/<path:no>/retry", refunds.RefundRetry.as_view()),
    path("v1/refunds/<path:no>/close", refunds.RefundClose.as_view()),
    path("v1/refunds/<path:no>/operations", refunds.RefundOperations.as_view()),
    path("v1/refunds/<path:no>", refunds.RefundDetail.as_view(), name="refund"),
    path("v1/transfers", transfers.Transfers.as_view(), name="transfers"),
    path("v1/transfers/<path:no>/sync", transfers.TransferSync.as_view()),
    path("v1/transfers/<path:no>/retry", transfers.TransferRetry.as_view()),
    path("v1/transfers/<path:no>/cancel", transfers.TransferCancel.as_view()),
    path("v1/transfers/<path:no>/close", transfers.TransferClose.as_view()),
    path("v1/transfers/<path:no>/operations", transfers.TransferOperations.as_view()),
    path("v1/transfers/<path:no>", transfers.TransferDetail.as_view(), name="transfer"),
    path("v1/store-orders", store_orders.StoreOrders.as_view(), name="store-orders"),
    *(
        path(f"v1/store-orders/<path:no>/{way}", view.as_view())
        for way, view in store_orders.WAYS.items()
    ),
    path("v1/store-orders/<path:no>", store_orders.StoreOrderDetail.as_view(), name="store-order"),
    path("v1/allocations", allocations.Allocations.as_view(), name="allocations"),
    path("v1/allocations/<path:no>/sync", allocations.AllocationSync.as_view()),
    path("v1/allocations/<path:no>/retry", allocations.AllocationRetry.as_view()),
    path("v1/allocations/<path:no>/finish", allocations.AllocationFinish.as_view()),
    path("v1/allocations/<path:no>/operations", allocations.AllocationOperations.as_view()),
    path("v1/allocations/<path:no>", allocations.AllocationDetail.as_view(), name="allocation"),
    path("v1/returns", returns.Returns.as_view(), name="returns"),
    path("v1/returns/<path:no>/sync", returns.ReturnSync.as_view()),
    path("v1/returns/<path:no>/retry", returns.ReturnRetry.as_view()),
    path("v1/returns/<path:no>/close", returns.ReturnClose.as_view()),
    path("v1/returns/<path:no>/operations", returns.ReturnOperations.as_view()),
    path("v1/returns/<path:no>", returns.ReturnDetail.as_view(), name="return"),
    path("v1/receivers", receivers.Receivers.as_view(), name="receivers"),
    path("v1/receivers/<path:no>/bind", receivers.ReceiverBind.as_view()),
    path("v1/receivers/<path:no>/unbind", receivers.ReceiverUnbind.as_view()),
    path("v1/receivers/<path:no>/operations", receivers.ReceiverOperations.as_view()),
    path("v1/receivers/<path:no>", receivers.ReceiverDetail.as_view(), name="receiver"),
    path("v1/groups", receivers.Groups.as_view(), name="groups"),
    path("v1/groups/<path:no>", receivers.GroupDetail.as_view(), name="group"),
    path("v1/events", events.Events.as_view(), name="events"),
    path("v1/notices", notices.Notices.as_view(), name="notices"),
    path("v1/notices/replay", notices.NoticesReplay.as_view(), name="notices-replay"),
    path("v1/notices/test", notices.NoticeTest.as_view(), name="notice-test"),
    path("v1/notices/<slug:no>/replay", notices.NoticeReplay.as_view()),
    path("v1/notices/<slug:no>", notices.NoticeDetail.as_view(), name="notice"),
    path(
        "schema/",
        SpectacularAPIView.as_view(
            authentication_classes=(), generator_class=schema.RememberingGenerator
        ),
        name="schema",
    ),
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(url_name="api:schema", authentication_classes=()),
        name="docs",
    ),
    path("docs/problems", docs.problem_list, name="problems"),
    re_path(r"^[\s\S]*$", base.Nothing.as_view()),
]
