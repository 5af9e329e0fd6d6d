"""What all resources have in common: a list, one row, its operations, making one, doing them.

Used by the views of every resource, which say what theirs is. Nothing here knows an order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.conf import settings
from django.db.models import Model, QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from gateway import waiting
from gateway.api.v1 import cursors, idempotency, inputs, reads, render
from gateway.api.v1.base import ApiView, Outcome, answer
from orders.models import Application

SYNC_WAIT_S = 3


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One kind of thing that merchants see."""

    name: str
    """As its address says it; a cursor of its list is bound to it."""
    model: type[Model]
    column: str
    """The field with our number; ``biz_`` before it is the merchant's, where there is one."""
    rows: Callable[[Application], QuerySet[Any]]
    """The caller's own, with what is shown of them."""
    render: Callable[[Any], dict[str, Any]]
    filters: Mapping[str, cursors.Filter] = field(default_factory=dict)


class ResourceView(ApiView):
    """The frame of every address of one resource."""

    resource: ClassVar[Resource]

    def page(self, request: Request) -> HttpResponse:
        """A page of the list."""
        application = self.caller.application
        found = cursors.page(
            self.resource.rows(application),
            request.query_params,
            self.resource.filters,
            owner=f"{self.resource.name} {application.pk}",
            render=self.resource.render,
        )
        return answer(200, found)

    def show(self, request: Request, no: str) -> HttpResponse:
        """One row."""
        cursors.read(request.query_params, set())
        return answer(200, self.shown(no))

    def show_operations(self, request: Request, no: str) -> HttpResponse:
        """What may be done to one row now, and why the rest may not."""
        cursors.read(request.query_params, set())
        rows = self.resource.model._default_manager.filter(application=self.caller.application)
        return answer(200, render.operations(reads.one(rows, self.resource.column, no)))

    def make(
        self,
        request: Request,
        shape: type[inputs.Input],
        work: Callable[[dict[str, Any]], Any],
    ) -> HttpResponse:
        """201 with what ``work`` made of the body, or 200 where it was there already."""
        cursors.read(request.query_params, set())
        given = self.read(shape)

        def outcome() -> Outcome:
            row = work(dict(given))
            status = 201 if row.is_new else 200
            return status, self.shown(getattr(row, self.resource.column))

        return self.once(given, outcome)

    def do(self, no: str, shape: type[inputs.Input], operation: Callable[..., Any]) -> HttpResponse:
        """Ask for an operation on one row."""
        cursors.read(self.request.query_params, set())
        given = self.read(shape)

        def work() -> Outcome:
            number = self.number(no)
            operation(number, self.actor, application=self.caller.application, **given)
            return 200, self.shown(number)

        return self.once(given, work)

    def ask(self, request: Request, no: str, operation: Callable[..., Any]) -> HttpResponse:
        """同步: ask the channel now, and wait a while for what it says."""
        seconds = wait_seconds(request)
        given = self.read(inputs.NoInput)
        application = self.caller.application

        def work() -> Outcome:
            number = self.number(no)
            with waiting.place(seconds) as place:
                operation(number, self.actor, application=application, reply_to=place.key)
                body = place.watch(None, lambda: self.shown(number))
            return 200, body or self.shown(number)

        return self.once(given, work)

    def number(self, no: str) -> str:
        """Our number. Raises NotFound for a merchant's unknown one."""
        of = self.resource
        return reads.our_number(of.model, self.caller.application, of.column, no)

    def shown(self, no: str) -> dict[str, Any]:
        """The row as it is now. Raises NotFound."""
        rows = self.resource.rows(self.caller.application)
        return self.resource.render(reads.one(rows, self.resource.column, no))

    def refresh(self, body: dict[str, Any]) -> dict[str, Any]:
        unkept = [name for name in idempotency.UNKEPT if name in body]
        if not unkept:
            return body
        shown = self.shown(body[self.resource.column])
        return {**body, **{name: shown[name] for name in unkept}}


def wait_seconds(request: Request) -> int:
    """``?wait=``: whole seconds that the caller wants to wait for the channel's answer."""
    most = settings.PREPAY_DEADLINE_S
    given = cursors.read(request.query_params, {"wait"})
    text = given.get("wait", str(min(SYNC_WAIT_S, most)))
    if not (text.isascii() and text.isdecimal() and len(text) <= 2 and int(text) <= most):
        raise cursors.wrong(
            "wait", _("Must be from %(least)s to %(most)s.") % {"least": 0, "most": most}
        )
    return int(text)
