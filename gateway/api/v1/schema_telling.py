"""The OpenAPI description of events and notices. See ``schema``."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter

from gateway.api.v1 import answers, inputs
from gateway.api.v1.schema import NEW, PAGING, does, reads, text
from orders.models import MerchantNotice

EVENT_TAG, NOTICE_TAG = "Events", "Notices"

NOTICE_NO = text("no", "The notice's id (`webhook-id`).", location=OpenApiParameter.PATH)
LIMITS = [one for one in PAGING if one.name in ("limit", "cursor")]

event_list = reads(
    EVENT_TAG,
    "listEvents",
    answers.EventPageSerializer,
    [
        *LIMITS,
        text(
            "order_no",
            "Our number of a pay order, refund, transfer, allocation, return, receiver or store "
            "order, or `biz:` and your number of a pay order.",
            required=True,
        ),
    ],
    (404,),
)
notice_list = reads(
    NOTICE_TAG,
    "listNotices",
    answers.NoticePageSerializer,
    [
        *[one for one in PAGING if one.name != "channel"],
        text("status", "", enum=MerchantNotice.Status.values),
        text("kind", "For example `pay_order.success`."),
        text("order_no", "Our number of what it tells of."),
    ],
)
notice_read = reads(NOTICE_TAG, "getNotice", answers.NoticeLogSerializer, [NOTICE_NO], (404,))
notice_replay = does(
    NOTICE_TAG,
    "replayNotice",
    answers.NoticeSerializer,
    takes=inputs.NoInput,
    parameters=(NOTICE_NO,),
)
notices_replay = does(
    NOTICE_TAG, "replayNotices", answers.ReplayedSerializer, takes=inputs.ReplayInput
)
notice_test = does(
    NOTICE_TAG,
    "testNotice",
    answers.NoticeSerializer,
    takes=inputs.TestNoticeInput,
    answered=NEW,
)
