"""What a browser would read of a page: elements by their id, forms with what they would post,
chips, and what stands in red. Used by ``console.AdminHand``."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

Attributes = dict[str, str]


@dataclass
class Form:
    attributes: Attributes
    fields: dict[str, str] = field(default_factory=dict)
    """Name → what a browser would send if nobody touched it."""


class Paper(HTMLParser):
    """``ids``: attributes of each element that has one; ``chips`` and ``red`` (``role="alert"``):
    their texts, in the order of the page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: dict[str, Attributes] = {}
        self.chips: list[str] = []
        self.red: list[str] = []
        self._forms: list[Form] = []
        self._open: list[tuple[str, Attributes]] = []
        self.feed(html)

    def form(self) -> Form:
        """The one in the page's own content or the dialog, not one of the frame."""
        (found,) = (
            form for form in self._forms if "zf-form" in form.attributes.get("class", "").split()
        )
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.ids[given["id"]] = given
        if given.get("role") == "alert":
            self.red.append("")
        if tag not in VOID:
            self._open.append((tag, given))
        name = given.get("name", "")
        if tag == "form":
            self._forms.append(Form(given))
        elif tag == "input" and not _is_off(given):
            self._type(name, given.get("value", ""))
        elif tag == "textarea":
            self._type(name, "")
        elif tag == "option":
            name = next(has.get("name", "") for tag, has in self._open[::-1] if tag == "select")
            if "selected" in given or name not in self._forms[-1].fields:
                self._type(name, given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            """Whatever was left open inside is over too."""

    def handle_data(self, data: str) -> None:
        if not self._open:
            return
        tag, given = self._open[-1]
        if tag == "textarea":
            self._type(given.get("name", ""), data)
        if "zf-chip" in given.get("class", "").split():
            self.chips.append(data)
        if any(has.get("role") == "alert" for _tag, has in self._open):
            self.red[-1] += data

    def _type(self, name: str, value: str) -> None:
        if name and self._forms:
            self._forms[-1].fields[name] = value


def _is_off(given: Attributes) -> bool:
    kind = given.get("type", "text")
    is_box = kind in ("checkbox", "radio")
    return kind in ("submit", "button") or (is_box and "checked" not in given)


VOID = frozenset({"input", "meta", "link", "br", "hr", "img", "source", "wbr", "col"})
