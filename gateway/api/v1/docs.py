"""The page that a problem's ``type`` points to: every code, with its status and its sentence."""

from __future__ import annotations

import re

from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_safe

from gateway.api.v1 import problems
from orders import rules
from orders.models import (
    AllocationOrder,
    AllocationReceiver,
    PayOrder,
    RefundOrder,
    ShareReturn,
    TransferOrder,
)
from orders.services.allocation import RETURN_RULES

MACHINES = (
    PayOrder, RefundOrder, TransferOrder, AllocationOrder, ShareReturn, AllocationReceiver,
)  # fmt: skip

PLACE = re.compile(r"%\((\w+)\)s")
PAGE = """<!doctype html><html lang="{}"><meta charset="utf-8"><title>{}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
td,th{{text-align:left;vertical-align:top;padding:.3rem 1rem .3rem 0}}:target{{background:#ffd}}
</style><h1>{}</h1><table><tr><th>code<th>HTTP<th></tr>{}</table></html>"""


@require_safe
def problem_list(request: HttpRequest) -> HttpResponse:
    rows = [(code, status, [str(title)]) for code, (status, title) in problems.KINDS.items()]
    rows += [(code, 409, sentences) for code, sentences in refusal_sentences().items()]
    title = gettext("Problems that the API answers with")
    table = format_html_join(
        "\n",
        '<tr id="{}"><td><code>{}</code><td>{}<td>{}</tr>',
        [(code, code, status, _paragraphs(said)) for code, status, said in rows],
    )
    return HttpResponse(format_html(PAGE, get_language() or "en", title, title, table))


def _paragraphs(sentences: list[str]) -> SafeString:
    return format_html_join("<br>", "{}", [(sentence,) for sentence in sentences])


def refusal_sentences() -> dict[str, list[str]]:
    """Code → sentences of the rules of the state machines, with the names of their numbers."""
    ended = rules.why_not(PayOrder(status=PayOrder.Status.SUCCESS), "close")
    said = [(ended.code, ended.msgid)] if ended else []
    for model in MACHINES:
        for _operation, meta in rules.operations(model).values():
            for transition in meta.transitions.values():
                said += [(rule.code, rule.msgid) for rule in transition.conditions]
    said += [(rule.code, rule.msgid) for rule in RETURN_RULES]
    sentences: dict[str, list[str]] = {}
    for code, msgid in dict.fromkeys(said):
        shown = PLACE.sub(r"‹\1›", gettext(msgid)).replace("%%", "%")
        sentences.setdefault(code, []).append(shown)
    return sentences
