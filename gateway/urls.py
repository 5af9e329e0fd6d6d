"""Every address of the house, on one page."""

from __future__ import annotations

from django.contrib import admin
from django.templatetags.static import static
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from gateway import callbacks, health, metrics
from gateway.cashier import pages


class _Favicon(RedirectView):
    """Browsers ask for it on pages that name no icon of their own."""

    def get_redirect_url(self, *args: object, **kwargs: object) -> str:
        return static("console/mark.svg")


urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("callback/<slug:channel>/<slug:account>/", callbacks.receive, name="callback"),
    path("api/", include("gateway.api.v1.urls")),
    path("order/", include("gateway.api.kaigedian.urls")),
    path("hserve/", include("gateway.api.minapp.urls")),
    path("unipay/", include("gateway.api.daxpay.urls")),
    path("cashier/<str:number>", pages.cashier, name="checkout_cashier"),
    path("cashier/<str:number>/qr.svg", pages.qr, name="checkout_qr"),
    path("aggregate/<str:number>", pages.aggregate, name="checkout_aggregate"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("favicon.ico", _Favicon.as_view()),
    path("admin/", admin.site.urls),
]

handler400 = "gateway.api.v1.base.bad_request"
