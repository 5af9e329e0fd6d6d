"""The state machines as tables for people: docs/states/ is written from here, and tested against.

Reads the machines only. Regenerate with ``manage.py render_docs``.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import override

from orders.models import (
    AllocationOrder,
    AllocationReceiver,
    Anomaly,
    PayOrder,
    RefundOrder,
    ShareReturn,
    StoreOrder,
    TransferOrder,
)

MACHINES = {
    "pay": PayOrder,
    "refund": RefundOrder,
    "transfer": TransferOrder,
    "allocation": AllocationOrder,
    "return": ShareReturn,
    "receiver": AllocationReceiver,
    "anomaly": Anomaly,
    "store": StoreOrder,
}


def transitions(model: Any) -> list[Any]:
    """Every django-fsm transition of ``model``, in the order its methods are written; what it has
    from an abstract model comes last."""
    names = [name for written in model.__mro__ for name in vars(written)]
    states = list(model.Status.values)
    found = model._meta.get_field("status").get_all_transitions(model)
    return sorted(found, key=lambda t: (names.index(t.name), states.index(t.source)))


def render(model: Any) -> str:
    """The page of one machine: states, a diagram, operations with their rules, transitions."""
    with override("en"):
        lines = [
            f"# {model._meta.verbose_name.capitalize()}",
            "",
            "Generated from the state machine by `manage.py render_docs`; do not edit.",
            "",
            "| state | shown as |",
            "|---|---|",
            *(f"| `{value}` | {label} |" for value, label in model.Status.choices),
            "",
            *_diagram(model),
            "",
            *_operations(model),
            "",
            *_moves(model),
        ]
        return "\n".join(lines) + "\n"


def _diagram(model: Any) -> list[str]:
    first = model._meta.get_field("status").default
    edges = [f"    [*] --> {first}"]
    for transition in transitions(model):
        if transition.target is not None and transition.source != transition.target:
            edges.append(f"    {transition.source} --> {transition.target}: {transition.name}")
    return ["```mermaid", "stateDiagram-v2", *edges, "```"]


def _operations(model: Any) -> list[str]:
    lines = [
        "## Operations",
        "",
        "What operators and merchants may ask for. Rules are tried in this order.",
        "",
        "| operation | asked as | in states | permission | rules |",
        "|---|---|---|---|---|",
    ]
    rows: dict[str, list[Any]] = {}
    for transition in transitions(model):
        if "operation" in transition.custom:
            rows.setdefault(transition.name, []).append(transition)
    for name, family in rows.items():
        operation = family[0].custom["operation"]
        states = ", ".join(f"`{t.source}`" for t in family)
        rules = ", ".join(f"`{rule.code}`" for rule in family[0].conditions) or "–"
        lines.append(
            f"| {operation.label} | `{name}` | {states} | `{operation.permission}` | {rules} |"
        )
    return lines


def _moves(model: Any) -> list[str]:
    lines = [
        "## Transitions",
        "",
        "| transition | from | to |",
        "|---|---|---|",
    ]
    families: dict[tuple[str, Any], list[str]] = {}
    for transition in transitions(model):
        families.setdefault((transition.name, transition.target), []).append(
            f"`{transition.source}`"
        )
    for (name, target), sources in families.items():
        stays = target is None
        lines.append(f"| `{name}` | {', '.join(sources)} | {'stays' if stays else f'`{target}`'} |")
    return lines
