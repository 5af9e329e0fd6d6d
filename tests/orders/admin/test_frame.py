"""What we build on in django-unfold, so that an upgrade rings here first; and our pages' rules."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest
import unfold
from django.conf import settings
from django.contrib import admin
from django.template.loader import get_template
from django.test import Client
from unfold.admin import ModelAdmin
from unfold.sites import UnfoldAdminSite

from orders.admin import config, dashboard, search, words
from orders.admin.lists import ConsoleAdmin
from tests import cast

ROOT = Path(settings.BASE_DIR)
WHEEL = Path(unfold.__file__).parent
OURS = sorted((ROOT / "templates").rglob("*.html"))
ICONS = set((ROOT / "static/unfold/fonts/material-symbols/names.txt").read_text().split())


def source(name: str) -> str:
    """The wheel's own template of this name."""
    return (WHEEL / "templates" / name).read_text()


def test_every_static_file_that_we_replace_is_still_in_the_wheel() -> None:
    replaced = [
        path.relative_to(ROOT / "static")
        for path in (ROOT / "static" / "unfold").rglob("*")
        if path.suffix in (".woff2", ".css")
    ]

    assert len(replaced) == 4
    for path in replaced:
        assert (WHEEL / "static" / path).exists(), path


def test_the_fonts_are_small_and_carry_their_licences() -> None:
    fonts = ROOT / "static" / "unfold" / "fonts"

    assert sum(path.stat().st_size for path in fonts.rglob("*.woff2")) < 60_000
    for folder in ("inter", "material-symbols"):
        theirs = (WHEEL / "static/unfold/fonts" / folder / "LICENSE").read_text()
        assert (fonts / folder / "LICENSE").read_text() == theirs


@pytest.mark.parametrize(
    ("template", "blocks"),
    [
        ("admin/base_site.html", []),
        ("unfold/layouts/skeleton.html", ["extrahead", "base", "extrastyle"]),
        ("admin/base.html", ["content", "footer"]),
        ("admin/change_list.html", ["extrastyle", "content", "footer"]),
        ("admin/login.html", ["login_after"]),
    ],
)
def test_the_blocks_that_we_fill_still_exist(template: str, blocks: list[str]) -> None:
    text = source(template)

    for block in blocks:
        assert re.search(r"{% block " + block + r"\b", text), (template, block)


def test_the_hooks_that_we_use_still_work() -> None:
    assert isinstance(admin.site, UnfoldAdminSite)
    assert admin.site.extra_urls().__len__() == 2
    assert "change_form_outer_after_template" in source("admin/change_form.html")
    assert '"COLORS": _no_inline_colours' in (ROOT / "orders/admin/config.py").read_text()
    assert "{% if colors %}" in source("unfold/layouts/skeleton.html")
    assert config.UNFOLD["DASHBOARD_CALLBACK"] == f"{dashboard.__name__}.context"
    assert config.UNFOLD["COMMAND"]["search_callback"] == f"{search.__name__}.palette"


def test_every_page_of_the_admin_is_unfolds() -> None:
    for model, page in admin.site._registry.items():
        assert isinstance(page, ModelAdmin), model
        assert isinstance(page, ConsoleAdmin), model


# --- icons -------------------------------------------------------------------------------------


def used_icons() -> set[str]:
    found = {item["icon"] for group in config.NAVIGATION for item in group["items"]}
    found |= {icon for _word, icon, _tone in words.EVENTS.values()}
    found |= set(words.OPERATION_ICONS.values())
    for path in [*OURS, *(WHEEL / "templates").rglob("*.html")]:
        drawn = r"material-symbols-outlined[^>]*>\s*([a-z0-9_]+)\s*<"
        found |= set(re.findall(drawn, path.read_text()))
    sheet = (WHEEL / "static/unfold/css/styles.css").read_text()
    found |= set(re.findall(r'content:"([a-z_]{4,})"', sheet))
    return found


def test_every_icon_that_is_named_is_in_the_font() -> None:
    assert len(used_icons()) > 60
    assert used_icons() - ICONS == set(), "run docs/fonts/subset.py"


# --- our own templates -------------------------------------------------------------------------


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_templates_hold_nothing_that_the_policy_forbids(path: Path) -> None:
    text = path.read_text()

    get_template(str(path.relative_to(ROOT / "templates")))
    assert not re.search(r"<style|<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=|javascript:", text)
    assert not re.search(r"\bx-\w+|hx-on|hx-vals|@click|\|safe\b|autoescape off", text)
    for tag in re.findall(r"<[a-z][^>]*\bhx-(?:get|post)=[^>]*>", text):
        assert "hx-target=" in tag and "hx-swap=" in tag, tag  # inherited ones hit the fragment


def test_every_page_carries_the_policy_and_htmx_without_eval(
    as_root: Client, house: cast.House
) -> None:
    order = cast.make_pay_order(house, "wait")
    for url in ("/admin/", "/admin/orders/payorder/", f"/admin/orders/payorder/{order.pk}/change/",
                "/admin/orders/merchant/add/", "/admin/password_change/"):  # fmt: skip
        response = as_root.get(url)
        policy = response["Content-Security-Policy"]
        html = response.content.decode()
        assert "style-src-elem 'self';" in policy and "script-src 'self' 'unsafe-eval';" in policy
        assert html.count('"allowEval":false') == 1, url
        assert "<style" not in html and not re.search(r"<script(?![^>]*\bsrc=)", html), url
        assert "http://" not in re.sub(r"http://www\.w3\.org\S*", "", html), url
        assert "https://" not in html, url
    assert '"allowEval":false' in Client().get("/admin/login/").content.decode()


def test_our_style_asks_no_other_host() -> None:
    for name in ("console.css", "console.js", "mark.svg"):
        text = (ROOT / "static" / "console" / name).read_text()
        assert not re.search(r"https?://(?!www\.w3\.org)", text)
        assert "eval(" not in text and "innerHTML" not in text
    assert files("unfold").joinpath("static/unfold/js/htmx/htmx.js").is_file()
