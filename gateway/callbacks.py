"""POST /callback/<channel>/<account code>/: a provider tells us something.

The raw body is checked with public material only, stored, and acknowledged; workers open and
settle it (``orders.services.callbacks``). Nothing is acknowledged that was not committed: without
a database the answer is 500 and the provider tells us again. A lost Redis only delays it.
Where only a worker can sign the acknowledgement (``acks_by_worker``), the request waits a little
for it, and without it is answered with 500: the provider tells us again, and the later delivery
finds it signed.
What cannot be believed is answered with the channel's refusal and leaves a counted, scrubbed log
line, but no row: a stranger must not be able to fill the inbox.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from prometheus_client import Counter

from channels import registry
from channels.base import CallbackRejected, Channel
from gateway.address import client_address
from gateway.waiting import hand_back_connection
from orders.engine import reply
from orders.models import ChannelAccount, WorkState
from orders.services import accounts, callbacks

log = logging.getLogger(__name__)

RECEIVED = Counter(
    "zhangfang_callbacks_total", "Notifications of providers, by what came of them.",
    ["channel", "result"],
)  # fmt: skip

ACK_WAIT_S = 4.0
"""For a worker's signature. UMF does not say how long it waits for an answer."""
_ack_places = threading.BoundedSemaphore(8)
"""Of the 40 threads of a web process; the next deliveries come back later instead of waiting."""


@csrf_exempt
@require_POST
def receive(request: HttpRequest, channel: str, account: str) -> HttpResponse:
    """Check, store, acknowledge."""
    try:
        return _receive(request, channel, account)
    except Exception:
        # Whatever it was, the provider tells us again, and the clock asks in any case.
        log.exception("a callback for %s could not be taken", account)
        RECEIVED.labels(channel if channel in registry.codes() else "unknown", "error").inc()
        return HttpResponse(status=500)


def _receive(request: HttpRequest, channel: str, account: str) -> HttpResponse:
    rows = ChannelAccount.objects.defer("secrets_stored")
    row = rows.filter(channel=channel, code=account).first()
    if row is None or channel not in registry.codes():
        RECEIVED.labels("unknown", "not_found").inc()
        return HttpResponse(status=404)
    provider = registry.get(channel)
    try:
        body = _body(request)
        notification_id = provider.verify_callback(
            request.headers,
            body,
            # An account that is switched off takes no new orders; its old ones are still paid.
            accounts.channel_account(row, with_secrets=False),
            now=timezone.now(),
        )
        text = _text(body)
    except CallbackRejected as rejected:
        return _refuse(request, provider, row, rejected)
    request_id = getattr(request, "request_id", "")
    stored = callbacks.receive(row, notification_id, text, request_id=request_id)
    RECEIVED.labels(channel, "stored").inc()
    if provider.capabilities.acks_by_worker:
        return _signed_by_worker(provider, stored.pk, may_come=stored.state != WorkState.ENDED)
    return _answer(provider, accepted=True)


def _signed_by_worker(provider: Channel, callback_id: int, *, may_come: bool) -> HttpResponse:
    """The acknowledgement that a worker signed, now or for an earlier delivery."""
    signed = callbacks.acknowledgement(callback_id)
    if signed is None and may_come and _ack_places.acquire(blocking=False):
        try:
            hand_back_connection()
            reply.wait(callbacks.reply_key(callback_id), ACK_WAIT_S)
        finally:
            _ack_places.release()
        # Told or not: another delivery may have taken the word, and Redis may be away.
        signed = callbacks.acknowledgement(callback_id)
    if signed is None:
        RECEIVED.labels(provider.code, "not_signed_yet").inc()
        _status, content_type, body = provider.callback_answer(accepted=True)
        return HttpResponse(body, status=500, content_type=content_type)
    status, content_type, body = signed
    return HttpResponse(body, status=status, content_type=content_type)


def _body(request: HttpRequest) -> bytes:
    try:
        return request.body
    except RequestDataTooBig:
        raise CallbackRejected("TOO_LARGE", f"more than {settings.MAX_BODY_BYTES} bytes") from None
    except UnreadablePostError:
        raise CallbackRejected("CUT_OFF", "the connection ended inside the body") from None


def _text(body: bytes) -> str:
    """The body as the inbox keeps it: PostgreSQL's text is UTF-8 without NUL."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CallbackRejected("BAD_BODY", f"not UTF-8 at byte {error.start}") from None
    if "\x00" in text:
        raise CallbackRejected("BAD_BODY", "a NUL character")
    return text


def _refuse(
    request: HttpRequest, provider: Channel, row: ChannelAccount, rejected: CallbackRejected
) -> HttpResponse:
    RECEIVED.labels(provider.code, "rejected").inc()
    hidden = _quota.take(row.pk)
    if hidden is not None:
        log.log(
            logging.WARNING if rejected.alarm else logging.INFO,
            "callback for %s rejected: %s (%.200s) from %s, %s bytes; %s more were not logged",
            row.code,
            rejected.code,
            rejected.message,
            client_address(request),
            request.headers.get("Content-Length", "?"),
            hidden,
        )
    return _answer(provider, accepted=False, message=rejected.code)


def _answer(provider: Channel, *, accepted: bool, message: str = "") -> HttpResponse:
    status, content_type, body = provider.callback_answer(accepted=accepted, message=message)
    return HttpResponse(body, status=status, content_type=content_type)


class LogQuota:
    """At most ``most`` lines a minute for each account; the first later one says how many were not.

    The number of accounts remembered is bounded too.
    """

    remembered = 1000

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._minutes: OrderedDict[int, tuple[int, int, int]] = OrderedDict()

    def take(self, account: int) -> int | None:
        """How many lines were left out before this one; None where this one is left out too."""
        minute = int(time.monotonic() // 60)
        with self._lock:
            since, written, hidden = self._minutes.pop(account, (minute, 0, 0))
            if since != minute:
                since, written = minute, 0
            may_write = written < self._most
            left_out = hidden
            written, hidden = (written + 1, 0) if may_write else (written, hidden + 1)
            self._minutes[account] = (since, written, hidden)
            if len(self._minutes) > self.remembered:
                self._minutes.popitem(last=False)
        return left_out if may_write else None


_quota = LogQuota(10)
