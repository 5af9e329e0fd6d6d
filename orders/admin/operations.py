"""The operations panel and its dialogs, for every model whose machine has operations.

What may be done, and the sentence when it may not, come from ``orders.rules`` alone. A POST goes
to ``orders.services``, which asks the same rules again under the lock, so a stale button or a
second click changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from orders import rules
from orders.actor import Actor, Door
from orders.admin import words
from orders.errors import InvalidInput, OperationRefused, OrderError, Refusal
from orders.money import format_yuan, parse_yuan
from orders.services.operations import perform

REASON_MAX = 256


@dataclass(frozen=True)
class Choice:
    """One row of the panel."""

    code: str
    label: Any
    hint: Any
    icon: str
    url: str
    refusal: Refusal | None
    see_url: str
    is_dangerous: bool
    is_forbidden: bool
    """The reader's role, and not the order, stands in the way."""


def choice(
    order: Any, code: str, operation: rules.Operation, refusal: Refusal | None, *, url: str = ""
) -> Choice:
    return Choice(
        code=code,
        label=operation.label,
        hint=operation.hint,
        icon=words.OPERATION_ICONS.get(code, "bolt"),
        url=url or dialog_url(order, code),
        refusal=refusal,
        see_url=number_url(refusal.see) if refusal and refusal.see else "",
        is_dangerous=operation.is_dangerous,
        is_forbidden=refusal is not None and refusal.code == "permission",
    )


def panel(order: Any, user: Any) -> list[Choice]:
    """Every operation of the order's machine: possible, or with the sentence that says why not."""
    return [
        choice(order, code, operation, rules.why_not(order, code, user))
        for code, (operation, _meta) in rules.operations(type(order)).items()
    ]


def dialog_url(order: Any, code: str) -> str:
    return reverse(f"admin:orders_{order._meta.model_name}_do", args=[order.pk, code])


def number_url(number: str) -> str:
    """The page of whatever has this number."""
    return f"{reverse('admin:find')}?{urlencode({'q': number})}"


def actor_of(request: HttpRequest) -> Actor:
    return Actor(
        door=Door.ADMIN,
        name=request.user.get_username(),
        user=request.user,
        request_id=getattr(request, "request_id", ""),
    )


# --- the dialog ------------------------------------------------------------------------------


@dataclass
class Draft:
    """What the operator typed, and what is wrong with it."""

    amount: str = ""
    reason: str = ""
    more: dict[str, str] = field(default_factory=dict)
    """By the names of the dialog's own inputs."""
    errors: dict[str, str] = field(default_factory=dict)
    """By field; ``""`` is the dialog as a whole."""
    codes: dict[str, str] = field(default_factory=dict)
    """The stable code of an error that a service gave, by the same fields."""
    fen: int | None = None


@dataclass(frozen=True)
class Input:
    """One line of text that only this operation asks for."""

    name: str
    label: Any
    most: int = REASON_MAX
    required: bool = False


@dataclass(frozen=True)
class Lines:
    """What an operation would do in particular, drawn as a small table in its dialog."""

    title: str
    rows: list[tuple[Any, Any]]


@dataclass(frozen=True)
class Second:
    """Another way to what was asked for, offered beside an error."""

    label: Any
    hint: Any
    url: str
    lines: Lines | None = None


@dataclass(kw_only=True)
class Ask:
    """One operation on one row, as its dialog asks for it."""

    order: Any
    title: Any
    """What the dialog's heading names: a number."""
    operation: rules.Operation
    icon: str
    url: str
    page: str
    refusal: Callable[[], Refusal | None]
    do: Callable[[Draft], object]
    facts: list[tuple[Any, Any]] = field(default_factory=list)
    notes: Callable[[], list[Any]] = list
    lines: Callable[[], Lines | None] = lambda: None
    second: Callable[[Draft], Second | None] = lambda _draft: None
    whole: int = 0
    """Fen: what stands in the amount when the dialog opens, and what its button fills in."""
    most: int = 0
    stamp: str = ""
    """What the dialog was opened on. A second submit of it finds another stamp."""
    reason_max: int = REASON_MAX
    inputs: tuple[Input, ...] = ()


def stamp(order: Any) -> str:
    """What a dialog with an amount was opened on."""
    return f"{getattr(order, 'refund_count', 0)}.{getattr(order, 'refundable_balance', 0)}"


def ask_of(request: HttpRequest, order: Any, code: str, facts: list[tuple[Any, Any]]) -> Ask:
    """The dialog of an operation of the order's machine. Raises KeyError where there is none."""
    operation, _meta = rules.operations(type(order))[code]
    free = getattr(order, "free_balance", 0)
    balance = getattr(order, "refundable_balance", 0)
    return Ask(
        order=order,
        title=order,
        operation=operation,
        icon=words.OPERATION_ICONS.get(code, "bolt"),
        url=dialog_url(order, code),
        page=page_of(order),
        refusal=lambda: rules.why_not(order, code, request.user),
        do=lambda draft: perform(
            order, code, actor_of(request), reason=draft.reason, amount=draft.fen
        ),
        notes=lambda: rules.notes(order, code),
        facts=facts,
        whole=free if free > 0 else balance,
        most=balance,
        stamp=stamp(order),
    )


def serve(request: HttpRequest, ask: Ask) -> HttpResponse:
    """GET: the dialog. POST: the operation, or the dialog again with what is wrong."""
    is_htmx = request.headers.get("HX-Request") == "true"
    if request.method != "POST":
        if not is_htmx:
            return HttpResponseRedirect(ask.page)
        amount = format_yuan(ask.whole, sign=False) if ask.operation.takes_amount else ""
        return _dialog(request, ask, Draft(amount=amount))
    draft = _read(request, ask)
    if not draft.errors:
        _try(ask, draft)
    if draft.errors:
        return _dialog(request, ask, draft)
    if not is_htmx:
        return HttpResponseRedirect(ask.page)
    done = _("%(operation)s: accepted") % {"operation": _capital(ask.operation.label)}
    # json.dumps keeps the header in ASCII.
    return HttpResponse(status=204, headers={"HX-Trigger": json.dumps({"zf-done": {"said": done}})})


def page_of(order: Any) -> str:
    return reverse(f"admin:orders_{order._meta.model_name}_change", args=[order.pk])


def _capital(label: Promise | str) -> str:
    text = str(label)
    return text[:1].upper() + text[1:]


def _read(request: HttpRequest, ask: Ask) -> Draft:
    draft = Draft(
        amount=request.POST.get("amount", "").strip(), reason=request.POST.get("reason", "").strip()
    )
    if ask.operation.takes_amount:
        try:
            draft.fen = parse_yuan(draft.amount)
        except ValueError:
            draft.errors["amount"] = _("This is not an amount in yuan, such as 12.34.")
        if request.POST.get("stamp", "") != ask.stamp:
            draft.errors[""] = _("The order has changed since this dialog was opened. Look again.")
    if ask.operation.needs_reason and not draft.reason:
        draft.errors["reason"] = _("Give a reason; it is kept in the order's history.")
    elif len(draft.reason) > ask.reason_max:
        draft.errors["reason"] = _("At most %(most)s characters.") % {"most": ask.reason_max}
    for one in ask.inputs:
        draft.more[one.name] = text = request.POST.get(one.name, "").strip()
        if one.required and not text:
            draft.errors[one.name] = _("This is needed.")
        elif len(text) > one.most:
            draft.errors[one.name] = _("At most %(most)s characters.") % {"most": one.most}
    return draft


def _try(ask: Ask, draft: Draft) -> None:
    try:
        ask.do(draft)
    except OperationRefused as refused:
        draft.errors[""], draft.codes[""] = str(refused.refusal), refused.code
    except InvalidInput as invalid:
        known = ("amount", "reason", *(one.name for one in ask.inputs))
        name = invalid.field if invalid.field in known else ""
        draft.errors[name], draft.codes[name] = str(invalid), invalid.code
    except OrderError as error:
        draft.errors[""], draft.codes[""] = str(error), error.code


def _dialog(request: HttpRequest, ask: Ask, draft: Draft) -> HttpResponse:
    refusal = ask.refusal()
    lines = None
    if refusal is None:
        try:
            lines = ask.lines()
        except InvalidInput as invalid:
            refusal = invalid.refusal
    context = {
        "ask": ask,
        "operation": ask.operation,
        "draft": draft,
        "refusal": refusal,
        "see_url": number_url(refusal.see) if refusal and refusal.see else "",
        "notes": [] if refusal else [str(note) for note in ask.notes()],
        "lines": lines,
        "second": ask.second(draft) if draft.errors else None,
        "whole": format_yuan(ask.whole, sign=False),
        "most": format_yuan(ask.most),
        "inputs": [
            (one, draft.more.get(one.name, ""), draft.errors.get(one.name, ""))
            for one in ask.inputs
        ],
        "focus": _focus(ask, draft),
    }
    return render(request, "console/_dialog.html", context)


def _focus(ask: Ask, draft: Draft) -> str:
    operation = ask.operation
    names = [one.name for one in ask.inputs]
    for name in (*names, "amount", "reason"):
        if name in draft.errors:
            return name
    if names:
        return names[0]
    if operation.takes_amount:
        return "amount"
    return "reason" if operation.needs_reason else "submit"
