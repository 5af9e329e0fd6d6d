"""What goes wrong, in this door's envelope: ``{"status": "error", "error_msg": …}``.

知晓云 web-api/error-code.md has the HTTP statuses 400, 401, 402, 403, 404, 405 and 500; no other is
used here. ``Fault`` is what this door raises itself; whatever else surfaces is translated here and
nowhere else. The sentence is the house's; it never repeats a secret, SQL or a trace.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import UnreadablePostError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from orders.errors import Conflict, InvalidInput, NotFound, NotNow, OperationRefused

log = logging.getLogger(__name__)

RETRY_SOON = {"Retry-After": "1"}


class Fault(Exception):
    """One answer that is not what the caller wanted."""

    def __init__(
        self, status: int, message: str | Promise, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        self.status = status
        self.message = message
        self.headers = dict(headers or {})


def wrong(name: str, message: str | Promise) -> Fault:
    """400 about one field or parameter."""
    return Fault(400, _("%(field)s: %(message)s") % {"field": name, "message": message})


def translate(error: Exception, names: Mapping[str, str]) -> Fault:
    """Any exception as a fault. ``names``: a field as the services call it → as this door does.

    What nobody foresaw is 500; the caller logs it with its trace.
    """
    found = _of_service(error, names) or _of_framework(error)
    if found is not None:
        return found
    return Fault(500, _("It was recorded. Name the request id when you ask about it."))


def is_foreseen(error: Exception) -> bool:
    """Whether ``translate`` knows it by name."""
    return (_of_service(error, {}) or _of_framework(error)) is not None


def _of_service(error: Exception, names: Mapping[str, str]) -> Fault | None:
    match error:
        case Fault():
            return error
        case InvalidInput():
            return _invalid(error, names)
        case Conflict():
            field, differs = (names.get(one, one) for one in (error.field, error.differs))
            return Fault(400, str(Conflict(field, error.number, differs)))
        case OperationRefused():
            return Fault(400, str(error.refusal))
        case NotFound():
            return Fault(404, str(error.refusal))
        case NotNow():
            return Fault(500, str(error.refusal), headers=RETRY_SOON)
    return None


def _invalid(error: InvalidInput, names: Mapping[str, str]) -> Fault:
    field = names.get(error.field, error.field)
    params = {**error.refusal.params, "field": field}
    sentence = str(InvalidInput(field, error.code, error.refusal.msgid, params))
    return Fault(400, sentence) if field in sentence else wrong(field, sentence)


def _of_framework(error: Exception) -> Fault | None:
    match error:
        case RequestDataTooBig():
            message = _("The body may have at most %(most)s bytes.")
            return Fault(400, message % {"most": settings.MAX_BODY_BYTES})
        case SuspiciousOperation() | UnreadablePostError():
            return Fault(400, _("The request cannot be read."))
        case OperationalError() | InterfaceError():
            # Nothing was committed, or it was and the same request finds it again.
            log.error("the database did not answer", exc_info=error)
            return Fault(500, _("Please try again in a moment."), headers=RETRY_SOON)
    return None
