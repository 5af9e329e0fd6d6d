"""/api/v1/events: the history of one order's family, as it is chained. Reading only."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from gateway.api.v1 import cursors, reads, render, schema_telling
from gateway.api.v1.base import READ, ApiView, answer


class Events(ApiView):
    scopes = {"GET": frozenset({READ})}

    @schema_telling.event_list
    def get(self, request: Request) -> HttpResponse:
        """What happened to an order and to what was made of it, the newest first."""
        query = request.query_params.copy()
        number = cursors.read(query, {"order_no", "limit", "cursor"}).get("order_no", "")
        if not number:
            raise cursors.wrong("order_no", _("Name an order."), code="required")
        del query["order_no"]
        application = self.caller.application
        found = cursors.page(
            reads.events(application, number),
            query,
            {},
            owner=f"events {application.pk} {number}",
            render=render.event,
        )
        return answer(200, found)
