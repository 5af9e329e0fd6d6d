"""/api/v1/notices: what you were told, every attempt, telling it again, and a notice for trying."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from gateway.api.v1 import cursors, inputs, reads, render, schema_telling
from gateway.api.v1.base import NOTICE, READ, Outcome, answer
from gateway.api.v1.resources import Resource, ResourceView
from orders.actor import Actor
from orders.engine.notices import replay
from orders.models import Application, MerchantNotice
from orders.services import notices

SEEN_BY = frozenset({READ, NOTICE})
DONE_BY = frozenset({NOTICE})


class NoticeView(ResourceView):
    resource = Resource(
        name="notices",
        model=MerchantNotice,
        column="notice_id",
        rows=reads.notices,
        render=render.notice,
        filters={
            "status": cursors.one_of("status", MerchantNotice.Status.values),
            "kind": cursors.exactly("kind"),
            "order_no": cursors.exactly("order_no"),
            **cursors.CREATED,
        },
    )


class Notices(NoticeView):
    scopes = {"GET": SEEN_BY}

    @schema_telling.notice_list
    def get(self, request: Request) -> HttpResponse:
        """The newest first."""
        return self.page(request)


class NoticeDetail(NoticeView):
    scopes = {"GET": SEEN_BY}

    @schema_telling.notice_read
    def get(self, request: Request, no: str) -> HttpResponse:
        """One notice, with its content and every attempt to deliver it."""
        cursors.read(request.query_params, set())
        row = reads.one(reads.notice_log(self.caller.application), "notice_id", no)
        return answer(200, render.notice_log(row))


class NoticeReplay(NoticeView):
    scopes = {"POST": DONE_BY}

    @schema_telling.notice_replay
    def post(self, request: Request, no: str) -> HttpResponse:
        """重发: deliver it again at once, with a fresh ladder of tries."""
        return self.do(no, inputs.NoInput, _replay_one)


class NoticesReplay(NoticeView):
    scopes = {"POST": DONE_BY}

    @schema_telling.notices_replay
    def post(self, request: Request) -> HttpResponse:
        """重发: deliver many again, the oldest first; call again while there are more."""
        cursors.read(request.query_params, set())
        given = self.read(inputs.ReplayInput)

        def work() -> Outcome:
            limit = given.get("limit", inputs.MAX_REPLAYED)
            chosen = reads.replayable(self.caller.application, given).order_by("created_at", "id")
            ids = list(chosen.values_list("pk", flat=True)[: limit + 1])
            return 200, {
                "replayed": replay(ids[:limit], self.actor),
                "has_more": len(ids) > limit,
            }

        return self.once(given, work)


class NoticeTest(NoticeView):
    scopes = {"POST": DONE_BY}

    @schema_telling.notice_test
    def post(self, request: Request) -> HttpResponse:
        """Send a notice that tells of no order to your address, signed as all are."""
        return self.make(request, inputs.TestNoticeInput, self._create)

    def _create(self, given: dict[str, Any]) -> MerchantNotice:
        return notices.request_test(self.caller.application, self.actor, **given)


def _replay_one(number: str, actor: Actor, *, application: Application) -> None:
    row = reads.one(reads.notices(application), "notice_id", number)
    replay([row.pk], actor)
