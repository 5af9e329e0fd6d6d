"""The rules of every operation, each with the sentence shown when it says no.

A rule is a predicate over one order that reads only the order's own columns and its channel's
declared capabilities, so asking costs no query. The state machines name rules as their
conditions; ``why_not`` reads the same machines for buttons, API answers and guards alike.
Sentences are English message ids; ``locale/`` holds the Chinese.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext_noop as N_
from django.utils.translation import pgettext

from channels import registry
from channels.base import Capabilities
from orders.errors import Refusal

Params = Callable[[Any], Mapping[str, object]]


def no_params(_order: Any) -> Mapping[str, object]:
    return {}


@dataclass(frozen=True)
class Rule:
    """A named predicate. ``allows`` must return bool, so that a forgotten return blocks."""

    code: str
    allows: Callable[[Any], bool]
    msgid: str
    params: Params = no_params
    see: Callable[[Any], str] = field(default=lambda _order: "")
    """The number of the order that stands in the way."""

    def __call__(self, order: Any) -> bool:
        return self.allows(order) is True

    def refusal(self, order: Any) -> Refusal:
        return Refusal(
            code=self.code, msgid=self.msgid, params=self.params(order), see=self.see(order)
        )


@dataclass(frozen=True)
class Note:
    """Something to know before doing an operation that is allowed."""

    code: str
    applies: Callable[[Any], bool]
    msgid: str
    params: Params = no_params

    def refusal(self, order: Any) -> Refusal:
        return Refusal(code=self.code, msgid=self.msgid, params=self.params(order))


@dataclass(frozen=True)
class Operation:
    """One entry of a state machine's table that people and merchants may ask for."""

    label: Any
    """Lazy translated verb."""
    hint: Any
    """Lazy translated sentence: what it does."""
    permission: str
    """Codename on the order's model, e.g. ``refund_payorder``."""
    takes_amount: bool = False
    needs_reason: bool = False
    is_dangerous: bool = False
    notes: tuple[Note, ...] = ()


def capabilities(order: Any) -> Capabilities:
    return registry.get(order.channel).capabilities


def can_cancel(order: Any) -> bool:
    """Whether 撤销 is a cancel at the channel for this pay order; else it falls back to close."""
    known = capabilities(order)
    return known.cancel and (known.cancel_methods is None or order.method in known.cancel_methods)


def can_close(order: Any) -> bool:
    """Whether this pay order can be closed at its channel; else only a cancel ends it there."""
    known = capabilities(order)
    return known.close and (known.close_methods is None or order.method in known.close_methods)


def operations(model: type) -> dict[str, tuple[Operation, Any]]:
    """Code → (Operation, django-fsm meta) of a model, in the order they are written there."""
    found = {}
    for name, member in vars(model).items():
        meta = getattr(member, "_django_fsm", None)
        if meta is None:
            continue
        custom = next(iter(meta.transitions.values())).custom
        if "operation" in custom:
            found[name] = (custom["operation"], meta)
    return found


def why_not(order: Any, code: str, user: Any = None) -> Refusal | None:
    """The reason why ``code`` cannot be done to ``order`` now (by ``user``), or None.

    The only reader of the machines for doors, guards and tests. State first, then the rules in
    their written order, then the permission. Raises KeyError for an operation that does not exist.
    """
    operation, meta = operations(type(order))[code]
    rule: Rule
    if not meta.has_transition(order.status):
        return _state_refusal(order, operation, meta)
    for rule in meta.get_transition(order.status).conditions:
        if not rule(order):
            return rule.refusal(order)
    return forbidden(order, code, user)


def forbidden(order: Any, code: str, user: Any) -> Refusal | None:
    """The refusal of a person whose role may not do ``code``, whatever the order allows."""
    operation, _meta = operations(type(order))[code]
    if user is None or user.has_perm(f"orders.{operation.permission}"):
        return None
    return Refusal(
        code="permission",
        msgid=N_("Your role may not do this: %(operation)s."),
        params={"operation": operation.label},
    )


def notes(order: Any, code: str) -> list[Refusal]:
    """What to know before doing an operation that is allowed."""
    operation, _meta = operations(type(order))[code]
    return [note.refusal(order) for note in operation.notes if note.applies(order)]


def _state_refusal(order: Any, operation: Operation, meta: Any) -> Refusal:
    return Refusal(
        code="state",
        msgid=N_("The order is “%(status)s”; %(operation)s needs %(sources)s."),
        params={
            "status": dict(type(order).Status.choices)[order.status],  # lazy: the reader's words
            "operation": operation.label,
            "sources": _status_names(type(order), meta.transitions),
        },
    )


def _status_names(model: Any, states: Iterable[str]) -> Any:
    labels = dict(model.Status.choices)
    names = [format_lazy("“{}”", labels[state]) for state in model.Status.values if state in states]
    return _Joined(names)


class _Joined:
    """A list of names, joined in the language of the reader."""

    def __init__(self, names: list[Any]) -> None:
        self.names = names

    def __str__(self) -> str:
        separator = pgettext("between the last two of several choices", " or ")
        return separator.join(str(name) for name in self.names)
