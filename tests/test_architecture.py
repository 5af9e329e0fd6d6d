"""The laws that a reader of the code could break without noticing (DESIGN 3 and 4)."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import pytest

from channels.base import Capabilities
from orders import capabilities, states

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [
    path
    for top in ("gateway", "orders", "channels")
    for path in sorted((ROOT / top).rglob("*.py"))
    if "migrations" not in path.parts
]
MONEY_ROOMS = [path for path in SOURCES if "simulators" not in path.parts]


PROVIDERS = {"wechat", "alipay", "umf", "sandbox"}


def names(tree: ast.AST) -> set[str]:
    """Every name and attribute that a module mentions."""
    found = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return found | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def imported(tree: ast.AST) -> set[str]:
    """The dotted names of every module that a module imports from, at any depth."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


TREES = {relative(path): ast.parse(path.read_text()) for path in SOURCES}


def test_only_locks_locks_rows():
    assert [p for p, tree in TREES.items() if "select_for_update" in names(tree)] == [
        "orders/locks.py"
    ]


def test_only_the_transport_speaks_http_by_requests():
    users = [
        path
        for path, tree in TREES.items()
        if any(name.split(".")[0] == "requests" for name in imported(tree))
    ]
    assert users == ["channels/transport.py"]


def test_no_model_has_a_float_and_no_service_makes_one():
    for path, tree in TREES.items():
        if path.startswith(("orders/models", "orders/services", "orders/money", "gateway/api")):
            assert not {"FloatField", "float"} & _calls(tree), path


def _calls(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            target = node.func
            found.add(
                target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
            )
    return found


@pytest.mark.parametrize(
    ("room", "forbidden"),
    [
        ("channels/", ("django", "orders", "gateway", "rest_framework", "celery")),
        ("orders/", ("gateway",)),
        ("orders/models/", ("orders.services", "orders.admin", "orders.engine", "orders.tasks")),
        ("orders/services/", ("orders.tasks", "orders.admin", "rest_framework", "celery")),
        ("gateway/api/", ("orders.locks", "orders.tasks", "orders.engine.drain")),
        (
            "channels/simulators/",
            (
                "channels.wechat",
                "channels.alipay",
                "channels.umf",
                "channels.sandbox",
                "channels.base",
                "channels.transport",
                "channels.registry",
            ),
        ),
        *(
            (
                f"channels/{mine}/",
                ("requests", "channels.simulators", *(f"channels.{o}" for o in PROVIDERS - {mine})),
            )
            for mine in sorted(PROVIDERS)
        ),
    ],
)
def test_rooms_do_not_import_upwards(room, forbidden):
    for path, tree in TREES.items():
        if path.startswith(room):
            for name in imported(tree):
                wrong = [f for f in forbidden if name == f or name.startswith(f + ".")]
                assert not wrong, f"{path} imports {name}"


DIALECTS = ("gateway/api/daxpay/", "gateway/api/kaigedian/", "gateway/api/minapp/")


def _compared(tree: ast.AST) -> set[str]:
    """The attributes that a module compares themselves: ``order.status == …``, and not the word
    that a table gives for it."""
    compares = [node for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    sides = [side for node in compares for side in (node.left, *node.comparators)]
    return {side.attr for side in sides if isinstance(side, ast.Attribute)}


def test_a_dialect_translates_and_decides_nothing():
    for path, tree in TREES.items():
        if path.startswith(DIALECTS):
            assert "select_for_update" not in names(tree), path
            assert not {name for name in imported(tree) if name.startswith("orders.locks")}, path
            states = {name for name in _compared(tree) if name in ("status", "refund_status")}
            assert not states, f"{path} compares {states}: let a table or a service say it"


def test_no_service_waits_for_the_world():
    for path, tree in TREES.items():
        if path.startswith("orders/services"):
            assert not {"Transport", "sleep", "send"} & _calls(tree), path
            assert "channels.transport" not in imported(tree), path


def test_every_public_service_that_writes_is_a_durable_transaction():
    for path, tree in TREES.items():
        if not path.startswith("orders/services"):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                atomics = [
                    ast.unparse(d) for d in node.decorator_list if "atomic" in ast.unparse(d)
                ]
                assert atomics in ([], ["transaction.atomic(durable=True)"]), f"{path}:{node.name}"


def test_no_file_outgrows_a_reader():
    long = {p: len((ROOT / p).read_text().splitlines()) for p in TREES}
    assert {path: lines for path, lines in long.items() if lines > 450} == {}


@pytest.mark.parametrize("name", states.MACHINES)
def test_the_page_of_each_state_machine_is_true(name):
    page = (ROOT / "docs" / "states" / f"{name}.md").read_text()
    assert page == states.render(states.MACHINES[name]), "run manage.py render_docs"


def test_the_page_of_the_channels_is_true():
    page = (ROOT / "docs" / "channels.md").read_text()
    assert page == capabilities.render(), "run manage.py render_docs"


def test_the_page_of_the_channels_shows_everything_that_they_declare():
    shown = [name for rows in capabilities.TABLES.values() for name in rows]
    assert sorted(shown) == sorted(field.name for field in fields(Capabilities))
