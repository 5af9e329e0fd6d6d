"""Finds every message of the house and keeps ``locale/`` in step. Pure Python: needs no gettext.

A tool for people, and what ``tests/orders/admin/test_words.py`` asks; nothing imports it at run
time. ``.venv/bin/python locale/messages.py`` adds what is new to ``zh_Hans`` (empty, to be
translated), retires what is gone, and compiles.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import polib

ROOT = Path(__file__).resolve().parent.parent
CATALOG = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
OWN = ("orders", "gateway", "channels")
PLAIN = {"_", "N_", "gettext", "gettext_lazy", "gettext_noop"}
PLURAL = {"ngettext", "ngettext_lazy"}
CONTEXT = {"pgettext", "pgettext_lazy"}
CALL = re.compile(
    r"\b(n?p?gettext|_)\(((?:u?(?:'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")\s*,?\s*)+)(?:count)?\)"
)
STRING = re.compile(r"u?('(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")")


class Message(NamedTuple):
    msgid: str
    plural: str = ""
    context: str = ""


def _name(function: ast.expr) -> str:
    return getattr(function, "id", getattr(function, "attr", ""))


def _text(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def in_python(source: str) -> Iterator[Message]:
    """Messages of gettext calls, of ``msgid=`` and of Problem(…, message=) arguments."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name, args = _name(node.func), [_text(arg) for arg in node.args]
        if name in PLAIN and args and args[0]:
            yield Message(args[0])
        elif name in PLURAL and len(args) > 1:
            yield Message(args[0], plural=args[1])
        elif name in CONTEXT and len(args) > 1:
            yield Message(args[1], context=args[0])
        for keyword in node.keywords:
            if keyword.arg == "msgid" and _text(keyword.value):
                yield Message(_text(keyword.value))


def in_template(source: str) -> Iterator[Message]:
    from django.utils.translation.template import templatize

    for found in CALL.finditer(templatize(source)):
        texts = [ast.literal_eval(text) for text in STRING.findall(found[2])]
        match found[1], texts:
            case "ngettext", [one, many]:
                yield Message(one, plural=many)
            case "pgettext", [context, one]:
                yield Message(one, context=context)
            case "npgettext", [context, one, many]:
                yield Message(one, plural=many, context=context)
            case _, [one, *_rest]:
                yield Message(one)


def in_account(source: str) -> Iterator[Message]:
    """The sentences of a channel's ``check_account``, which the console shows beside the fields.

    Channels know no Django, so nothing marks them: every sentence of that file that is not a
    docstring counts.
    """
    tree = ast.parse(source)
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        text = _text(node) if isinstance(node, ast.Constant) and id(node) not in docs else ""
        if " " in text and text[0].isupper() and text.endswith("."):
            yield Message(text)


def declared() -> Iterator[Message]:
    """What channels declare in English and the console translates."""
    from channels import registry

    for channel in registry.all_channels():
        yield Message(channel.name)
        for field in channel.account_fields:
            if field.help:
                yield Message(field.help)


def own() -> set[Message]:
    """Every message of this repository."""
    found = set(declared())
    for package in OWN:
        for path in (ROOT / package).rglob("*.py"):
            found |= set(in_python(path.read_text()))
    for path in (ROOT / "channels").glob("*/account.py"):
        found |= set(in_account(path.read_text()))
    for path in (ROOT / "templates").rglob("*.html"):
        found |= set(in_template(path.read_text()))
    return {message for message in found if message.msgid}


def borrowed() -> set[Message]:
    """Messages of unfold and celery-beat, whose wheels have no (or few) Chinese ones."""
    import django_celery_beat
    import unfold

    found: set[Message] = set()
    for package in (unfold, django_celery_beat):
        base = Path(package.__file__).parent
        for path in base.rglob("*.py"):
            if "contrib" not in path.parts or "filters" in path.parts or "forms" in path.parts:
                found |= set(in_python(path.read_text()))
        for path in base.rglob("templates/**/*.html"):
            if "contrib" not in path.parts or "filters" in path.parts or "forms" in path.parts:
                found |= set(in_template(path.read_text()))
    return {message for message in found if message.msgid}


def is_known_elsewhere(message: Message) -> bool:
    """Django and celery-beat already say it in Chinese."""
    from django.utils.translation import gettext, ngettext, override, pgettext

    with override("zh-hans"):
        if message.context:
            return pgettext(message.context, message.msgid) != message.msgid
        if message.plural:
            return ngettext(message.msgid, message.plural, 2) != message.plural
        return gettext(message.msgid) != message.msgid


def wanted(catalog: polib.POFile) -> set[Message]:
    """Own messages always (ours win), borrowed ones where nobody else translates them."""
    mine = own()
    kept = {
        Message(e.msgid, e.msgid_plural or "", e.msgctxt or "") for e in catalog if not e.obsolete
    }
    taken = {(m.msgid, m.context) for m in mine}
    theirs = {m for m in borrowed() if (m.msgid, m.context) not in taken}
    return mine | {m for m in theirs if m in kept or not is_known_elsewhere(m)}


def entry(message: Message) -> polib.POEntry:
    new = polib.POEntry(msgid=message.msgid, msgctxt=message.context or None)
    if message.plural:
        new.msgid_plural, new.msgstr_plural = message.plural, {0: ""}
    if "%(" in message.msgid:
        new.flags.append("python-format")
    return new


def _retire(kept: polib.POFile, old: dict[tuple[str, str], polib.POEntry]) -> None:
    """A translation whose message is gone waits as a comment for its return."""
    live = {(e.msgid, e.msgctxt or "") for e in kept}
    for key, previous in sorted(old.items()):
        if key not in live and (previous.msgstr or any(previous.msgstr_plural.values())):
            previous.obsolete = True
            kept.append(previous)


def update() -> int:
    catalog = polib.pofile(str(CATALOG)) if CATALOG.exists() else polib.POFile()
    metadata = {
        "Project-Id-Version": "zhangfang",
        "Language": "zh_Hans",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": "nplurals=1; plural=0;",
    }
    messages = wanted(catalog)
    old = {(e.msgid, e.msgctxt or ""): e for e in catalog}
    kept = polib.POFile()
    kept.metadata = metadata
    for message in sorted(messages):
        previous, fresh = old.get((message.msgid, message.context)), entry(message)
        if previous is not None:
            if message.plural:
                fresh.msgstr_plural = previous.msgstr_plural or {0: previous.msgstr}
            else:
                fresh.msgstr = previous.msgstr
        kept.append(fresh)
    _retire(kept, old)
    CATALOG.parent.mkdir(parents=True, exist_ok=True)
    kept.save(str(CATALOG))
    kept.save_as_mofile(str(CATALOG.with_suffix(".mo")))
    live = [e for e in kept if not e.obsolete]
    empty = [e.msgid for e in live if not e.msgstr and not any(e.msgstr_plural.values())]
    said = [f"{len(live)} messages, {len(empty)} without a translation", *empty]
    sys.stdout.write("\n  ".join(said) + "\n")
    return 1 if empty else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
    import django

    django.setup()
    sys.exit(update())
