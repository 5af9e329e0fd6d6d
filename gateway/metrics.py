"""GET /metrics in Prometheus' text: what the processes counted, and the state of the house.

For loopback, or with ZHANGFANG_METRICS_TOKEN as bearer token; changes nothing.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterator

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from gateway import health
from gateway.address import client_address
from orders.engine.health import due_counts


class HouseCollector(Collector):
    """The same facts as /readyz, and the work that is due, as gauges."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read them now: a gauge that somebody has to remember to set would lie one day."""
        state = health.snapshot()
        up = GaugeMetricFamily("zhangfang_up", "1 when this part is live.", labels=["part"])
        parts = {name: state[name] for name in ("database", "redis", "beat")}
        workers = {f"worker-{name}": found["worker"] for name, found in state["queues"].items()}
        for name, is_live in (parts | workers).items():
            up.add_metric([name], float(is_live))
        yield up
        if not state["database"]:
            return
        yield GaugeMetricFamily(
            "zhangfang_oldest_due_seconds", "Age of the oldest due work.", state["oldest_due_s"]
        )
        due = GaugeMetricFamily("zhangfang_due", "Rows that are due now.", labels=["queue"])
        for queue, count in due_counts().items():
            due.add_metric([queue], count)
        yield due


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """All counters of this machine's processes, or of this process when it stands alone."""
    if not _may_read(request):
        return HttpResponse(status=404)
    counted = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        counted = CollectorRegistry()
        MultiProcessCollector(counted)
    house = CollectorRegistry()
    house.register(HouseCollector())
    text = generate_latest(counted) + generate_latest(house)
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    token: str = settings.METRICS_TOKEN
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token and hmac.compare_digest(given.encode(), token.encode()):
        return True
    address = client_address(request)
    return address is not None and address.is_loopback
