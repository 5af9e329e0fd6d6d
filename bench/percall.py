"""The usual way, for comparison: one Celery task for each channel call, on fifty threads.

``celery -A bench.percall worker``. It does what a drain does, through the same services, but claims
and settles its one row by itself.
"""

from __future__ import annotations

from gateway.celery import app

__all__ = ["app"]


@app.task(name="bench.percall.send")
def send(call_id: int) -> None:
    """Claim, send and settle one call. Celery has set Django up only when a task runs."""
    import time

    from django.utils import timezone

    from orders.engine import claim, sources, wire
    from orders.models import ChannelCall, WorkState
    from orders.services import corridor

    now = timezone.now()
    until = time.monotonic() + claim.lease().total_seconds()
    claimed = ChannelCall.objects.filter(pk=call_id, state=WorkState.DUE, attempt=0).update(
        state=WorkState.OUT, attempt=1, due_at=now + claim.lease(), sent_at=now
    )
    if not claimed:
        return
    (prepared,) = corridor.prepare([ChannelCall.objects.get(pk=call_id)])
    answer = sources.perform(prepared, wire.channels().transport, until)
    corridor.settle([answer])
