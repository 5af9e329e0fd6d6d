"""/api/v1/receivers and /api/v1/groups: who may get a part of the money, and how much of it."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from channels import registry
from gateway.api.v1 import cursors, inputs, reads, render, schema_sharing
from gateway.api.v1.base import ALLOCATION, READ, Outcome
from gateway.api.v1.resources import Resource, ResourceView
from orders.models import AllocationGroup, AllocationReceiver
from orders.services import allocation

SEEN_BY = frozenset({READ, ALLOCATION})
DONE_BY = frozenset({ALLOCATION})


class ReceiverView(ResourceView):
    names = {"account_no": "account"}
    resource = Resource(
        name="receivers",
        model=AllocationReceiver,
        column="receiver_no",
        rows=reads.receivers,
        render=render.receiver,
        filters={
            "status": cursors.one_of("status", AllocationReceiver.Status.values),
            "channel": cursors.one_of("channel", list(registry.codes())),
            "receiver_type": cursors.one_of("receiver_type", AllocationReceiver.Kind.values),
            **cursors.CREATED,
        },
    )


class Receivers(ReceiverView):
    scopes = {"GET": SEEN_BY, "POST": DONE_BY}

    @schema_sharing.receiver_list
    def get(self, request: Request) -> HttpResponse:
        """The newest first."""
        return self.page(request)

    @schema_sharing.receiver_create
    def post(self, request: Request) -> HttpResponse:
        """Keep a receiver and bind it at the channel."""
        return self.make(request, inputs.NewReceiverInput, self._create)

    def _create(self, given: dict[str, Any]) -> AllocationReceiver:
        new = allocation.NewReceiver(account_no=given.pop("account"), **given)
        return allocation.add_receiver(self.caller.application, new, self.actor)


class ReceiverDetail(ReceiverView):
    scopes = {"GET": SEEN_BY}

    @schema_sharing.receiver_read
    def get(self, request: Request, no: str) -> HttpResponse:
        """One receiver. Its account and name are masked."""
        return self.show(request, no)


class ReceiverOperations(ReceiverView):
    scopes = {"GET": SEEN_BY}

    @schema_sharing.receiver_operations
    def get(self, request: Request, no: str) -> HttpResponse:
        """What may be done to it now, and why the rest may not."""
        return self.show_operations(request, no)


class ReceiverBind(ReceiverView):
    scopes = {"POST": DONE_BY}

    @schema_sharing.receiver_bind
    def post(self, request: Request, no: str) -> HttpResponse:
        """绑定: make the receiver known at the channel."""
        return self.do(no, inputs.NoInput, allocation.request_bind)


class ReceiverUnbind(ReceiverView):
    scopes = {"POST": DONE_BY}

    @schema_sharing.receiver_unbind
    def post(self, request: Request, no: str) -> HttpResponse:
        """解绑: no more money is shared with this receiver."""
        return self.do(no, inputs.NoInput, allocation.request_unbind)


class GroupView(ResourceView):
    names = {"rates": "members"}
    resource = Resource(
        name="groups",
        model=AllocationGroup,
        column="group_no",
        rows=reads.groups,
        render=render.group,
        filters={
            "channel": cursors.one_of("channel", list(registry.codes())),
            "name": cursors.exactly("name"),
            **cursors.CREATED,
        },
    )

    def set_group(self, given: dict[str, Any], **which: str) -> dict[str, Any]:
        """Make or replace a group; what it is now."""
        group = allocation.set_group(
            self.caller.application,
            name=given["name"],
            rates={member["receiver_no"]: member["rate"] for member in given["members"]},
            is_default=given.get("default", False),
            **which,
        )
        return self.shown(group.group_no)


class Groups(GroupView):
    scopes = {"GET": SEEN_BY, "POST": DONE_BY}

    @schema_sharing.group_list
    def get(self, request: Request) -> HttpResponse:
        """The newest first."""
        return self.page(request)

    @schema_sharing.group_create
    def post(self, request: Request) -> HttpResponse:
        """Say who gets what part of an order's money."""
        cursors.read(request.query_params, set())
        given = self.read(inputs.NewGroupInput)
        return self.once(given, lambda: (201, self.set_group(given, channel=given["channel"])))


class GroupDetail(GroupView):
    scopes = {"GET": SEEN_BY, "PUT": DONE_BY}
    http_method_names = ("get", "put", "head")

    @schema_sharing.group_read
    def get(self, request: Request, no: str) -> HttpResponse:
        """One group with its members."""
        return self.show(request, no)

    @schema_sharing.group_replace
    def put(self, request: Request, no: str) -> HttpResponse:
        """Replace its name, its members and whether it is the default."""
        cursors.read(request.query_params, set())
        given = self.read(inputs.GroupInput)

        def work() -> Outcome:
            channel = given.get("channel") or self.shown(no)["channel"]
            return 200, self.set_group(given, channel=channel, group_no=reads.checked(no))

        return self.once(given, work)
