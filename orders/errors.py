"""What a service raises when it will not do something. Doors translate, they never invent.

A channel's doubt is an outcome, not one of these (DESIGN 3.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why an operation is not possible: a stable code and one sentence with its numbers.

    The sentence is rendered in the reader's language each time it is shown, so that the button,
    the API and the audit row say the same.
    """

    code: str
    msgid: str
    params: Mapping[str, object] = field(default_factory=dict)
    see: str = ""
    """The number of the order that stands in the way, where there is one."""

    def __str__(self) -> str:
        return gettext(self.msgid) % {key: str(value) for key, value in self.params.items()}


class OrderError(Exception):
    """Base of everything a service refuses with. ``code`` is stable, ``str()`` is for people."""

    code = "error"


class OperationRefused(OrderError):
    """The state machine or a rule says no. Nothing happened."""

    def __init__(self, operation: str, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.operation = operation
        self.refusal = refusal
        self.code = refusal.code


class InvalidInput(OrderError):
    """A field breaks a rule. Nothing happened. ``field`` is the service's own name of it."""

    def __init__(
        self, field_name: str, code: str, msgid: str, params: Mapping[str, object] | None = None
    ) -> None:
        self.refusal = Refusal(code=code, msgid=msgid, params=params or {})
        super().__init__(str(self.refusal))
        self.field = field_name
        self.code = code


class NotNow(OrderError):
    """Something that the request cannot do without is away for the moment. Nothing happened."""

    code = "unavailable"

    def __init__(self, msgid: str) -> None:
        self.refusal = Refusal(code=self.code, msgid=msgid)
        super().__init__(str(self.refusal))


class NotFound(OrderError):
    """No such order for this caller (or somebody else's: the caller cannot tell)."""

    code = "not_found"

    def __init__(self, number: str) -> None:
        self.refusal = Refusal(
            code=self.code, msgid="There is no order %(number)s.", params={"number": number}
        )
        super().__init__(str(self.refusal))
        self.number = number


class Conflict(OrderError):
    """The number is taken by an order with other content. Nothing happened."""

    code = "duplicate_number"

    def __init__(self, field_name: str, number: str, differs: str) -> None:
        self.refusal = Refusal(
            code=self.code,
            msgid="%(field)s %(number)s is already used by an order with another %(differs)s.",
            params={"field": field_name, "number": number, "differs": differs},
        )
        super().__init__(str(self.refusal))
        self.field = field_name
        self.number = number
        self.differs = differs
