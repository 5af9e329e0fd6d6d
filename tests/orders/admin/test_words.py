"""Chinese and English, complete: every message, every code, every sentence of every rule."""

from __future__ import annotations

import ast
import importlib.util
import re
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import polib
import pytest
from django.conf import settings
from django.test import Client
from django.utils.translation import override

from channels import registry
from channels.base import Outcome
from orders import rules
from orders.admin import words
from orders.states import MACHINES
from tests import cast

ROOT = Path(settings.BASE_DIR)
CATALOG = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
CHINESE = re.compile("[\u4e00-\u9fff]")
PLACE = re.compile(r"%\((\w+)\)s|\{(\w*)\}|#")
SAME = {"English", "App", "API", "Webhook"}
"""Words that Chinese readers use as they are."""


def collector() -> ModuleType:
    spec = importlib.util.spec_from_file_location("messages", ROOT / "locale" / "messages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def catalog() -> dict[tuple[str, str], polib.POEntry]:
    return {
        (entry.msgid, entry.msgctxt or ""): entry
        for entry in polib.pofile(str(CATALOG))
        if not entry.obsolete
    }


def translation(entry: polib.POEntry) -> str:
    return entry.msgstr or "".join(entry.msgstr_plural.values())


def test_every_message_of_the_house_is_translated(catalog: dict) -> None:
    missing = [
        message
        for message in sorted(collector().own())
        if not translation(catalog.get((message.msgid, message.context), polib.POEntry()))
    ]

    assert missing == [], "run `make messages` and translate these"


def test_translations_are_chinese_and_keep_their_places(catalog: dict) -> None:
    for entry in catalog.values():
        text = translation(entry)
        assert text, entry.msgid
        has_words = re.search("[A-Za-z]", PLACE.sub("", text))
        assert CHINESE.search(text) or not has_words or text in SAME, entry.msgid
        kept, wanted = PLACE.findall(text), PLACE.findall(entry.msgid)
        assert sorted(kept) == sorted(wanted), entry.msgid


def test_the_compiled_catalog_is_the_written_one(catalog: dict) -> None:
    compiled = polib.mofile(str(CATALOG.with_suffix(".mo")))

    assert {(e.msgid, e.msgctxt or ""): translation(e) for e in compiled} == {
        key: translation(entry) for key, entry in catalog.items() if translation(entry)
    }


def sentences() -> list[str]:
    """The message id of every rule, note, hint and label of every machine."""
    found = []
    for model in MACHINES.values():
        for operation, meta in rules.operations(model).values():
            found += [note.msgid for note in operation.notes]
            found += [operation.label._args[0], operation.hint._args[0]]
            for state in meta.transitions.values():
                found += [rule.msgid for rule in state.conditions]
    return sorted(set(found))


@pytest.mark.parametrize("msgid", sentences())
def test_every_sentence_of_the_machines_is_said_in_both_languages(
    catalog: dict, msgid: str
) -> None:
    assert CHINESE.search(translation(catalog[msgid, ""]))
    assert not CHINESE.search(msgid)


def test_refusals_read_well_in_both_languages(house: cast.House) -> None:
    order = cast.make_pay_order(house, "close")
    with override("en"):
        said = str(rules.why_not(order, "refund"))
        assert said == "The order is “closed”; refund needs “paid”."
    with override("zh-hans"):
        assert str(rules.why_not(order, "refund")) == "订单为“已关闭”，只有“支付成功”时可以退款。"


def written_kinds() -> set[str]:
    """Every event kind that a service writes."""
    kinds = {
        "cancelled", "closed", "failed", "refunded", "transferred", "returned", "shared",
        "allocation_failed", "bound", "unbound", "bind_failed", "unbind_failed",
        "transfer_requested", "receiver_added",
    }  # fmt: skip
    fill = {
        "story.noun": ["refund", "transfer", "return"],
        "operation": ["close", "cancel", "bind", "unbind"],
        "asked": ["close", "cancel"],
        "result.outcome": [o.value for o in Outcome if o not in (Outcome.DONE, Outcome.PENDING)],
    }
    for path in [*(ROOT / "orders" / "services").rglob("*.py"), ROOT / "orders/engine/notices.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or getattr(node.func, "attr", "") != "event":
                continue
            kind = node.args[1] if len(node.args) > 1 else None
            if isinstance(kind, ast.Constant):
                kinds.add(kind.value)
            elif isinstance(kind, ast.JoinedStr):
                kinds |= _filled(kind, fill)
    return kinds


def _filled(kind: ast.JoinedStr, fill: dict[str, list[str]]) -> set[str]:
    texts = {""}
    for part in kind.values:
        ends = [part.value] if isinstance(part, ast.Constant) else fill[ast.unparse(part.value)]
        texts = {text + end for text in texts for end in ends}
    return texts


def test_every_event_that_is_written_has_a_word() -> None:
    kinds = written_kinds()

    assert {"paid", "held", "refund_requested", "close_refused", "place_unknown"} <= kinds
    assert sorted(kinds - set(words.EVENTS)) == []


class Reader(HTMLParser):
    """Collects the words of a page that a person reads; neither icons nor code."""

    UNREAD = ("script", "style", "pre", "option", "kbd", "code", "head")
    VOID = ("input", "meta", "link", "br", "hr", "img", "rect")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[bool] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            is_icon = "material-symbols-outlined" in (dict(attrs).get("class") or "")
            self.open.append(tag in self.UNREAD or is_icon)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID and self.open:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if not any(self.open):
            self.text.append(data)


def visible(html: str) -> str:
    reader = Reader()
    reader.feed(html)
    return " ".join(reader.text)


FIELDS = {f.name for channel in registry.all_channels() for f in channel.account_fields}
"""Settings carry the provider's own names beside the Chinese ones."""

PAGES = (
    "/admin/", "/admin/orders/payorder/", "/admin/orders/refundorder/", "/admin/orders/anomaly/",
    "/admin/orders/channelcall/", "/admin/orders/channelcallback/", "/admin/orders/event/",
    "/admin/orders/ledgerentry/", "/admin/orders/merchantnotice/", "/admin/orders/merchant/",
    "/admin/orders/application/", "/admin/orders/apikey/", "/admin/orders/channelaccount/",
    "/admin/auth/user/", "/admin/auth/group/", "/admin/django_celery_beat/periodictask/",
    "/admin/orders/channelaccount/add/", "/admin/orders/channelaccount/add/?channel=wechat",
    "/admin/orders/apikey/add/", "/admin/orders/application/add/", "/admin/orders/merchant/add/",
    "/admin/auth/group/add/", "/admin/orders/transferorder/", "/admin/orders/transferorder/add/",
    "/admin/orders/allocationorder/", "/admin/orders/sharereturn/",
    "/admin/orders/allocationreceiver/", "/admin/orders/allocationreceiver/add/",
    "/admin/orders/allocationgroup/", "/admin/orders/allocationgroup/add/",
)  # fmt: skip
KNOWN = re.compile(
    r"^(\S+\.pem|QR|API|DaxPay|RSA|APIv3|AppID|App|ID|Webhook|webhook-id|HTTP|ASCII|UUID|ms|zf_\w+|root|SO-\d+|Tea|"
    r"Merchant|A|Shop|Sandbox|http\S*|English|en|zh-hans|k|K|Ctrl|Esc|Enter|x|cert|key|pem|PUB_KEY_ID_|"
    r"apiclient_key|pub_key|[A-Z0-9]{27}|"
    r"R|sent|back|beat|DONE|PENDING|REFUSED|NOT_SENT|UNKNOWN|sandbox\S*|channel\S*|merchant\S*|app-a|MA|orders\.tasks\.\w+|sync|bulk|JSON|AMQP|Cron)$"
)


NAMES = re.compile("简体中文|转账场景|开个店|知晓云")
"""What is called so in every language."""


@pytest.mark.parametrize("url", PAGES)
def test_no_english_is_left_on_a_chinese_page(as_root: Client, house: cast.House, url: str) -> None:
    cast.make_refund(cast.make_pay_order(house, "success"))

    html = as_root.get(url, headers={"Accept-Language": "zh-CN,zh"}).content.decode()

    left = [
        word
        for word in re.findall(r"[A-Za-z][\w.:/-]*", visible(html))
        if not KNOWN.match(word) and word not in FIELDS
    ]
    assert left == []


@pytest.mark.parametrize("url", PAGES)
def test_no_chinese_is_left_on_an_english_page(
    as_root: Client, house: cast.House, url: str
) -> None:
    html = as_root.get(url, headers={"Accept-Language": "en-US,en"}).content.decode()

    assert CHINESE.findall(NAMES.sub("", visible(html))) == []


def test_the_language_can_be_switched_before_and_after_the_login(db: None) -> None:
    client = Client(headers={"Accept-Language": "zh-CN"})
    assert "登录" in client.get("/admin/login/").content.decode()

    answer = client.post("/i18n/setlang/", {"language": "en", "next": "/admin/login/"})

    assert answer["Location"] == "/admin/login/"
    page = client.get("/admin/login/").content.decode()
    assert "Log in" in page and "登录" not in page.replace("简体中文", "")
