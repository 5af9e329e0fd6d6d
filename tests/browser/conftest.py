"""A chromium, a live server and people who are logged in.

The server runs in threads of this process on the test database; workers are played by
``tests.cast``. Playwright's loop runs in the main thread, which Django would take for async code.

A browser test never looks once: it expects, and waits. What is pressed or clicked on a page whose
scripts do not listen yet is lost, so pages are opened, left and keyed through ``Desk`` alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests import cast
from tests.orders.admin.conftest import FINANCE, VIEWS

PATIENCE_S = 30.0
"""For a machine that is busy with other things; what holds is found at once."""

FAINT = (Path(__file__).parent / "contrast.js").read_text()

_STILL = """async () => {
  await document.fonts.ready;
  const ends = (motion) => Number.isFinite(motion.effect?.getComputedTiming().endTime);
  await Promise.allSettled(document.getAnimations().filter(ends).map((motion) => motion.finished));
}"""


@dataclass
class Desk:
    """One person's browser window, and everything that went wrong in it."""

    page: Page
    context: BrowserContext
    base: str
    troubles: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Go there, until the page's scripts listen."""
        self.page.goto(self.base + path)
        self.ready()

    def ready(self) -> None:
        """Wait until the scripts of the page listen (console.js says so)."""
        expect(self.page.locator("html[data-zf-ready]")).to_be_attached()

    @contextmanager
    def leaving(self) -> Iterator[None]:
        """What is done inside leads to another page: wait until that one is ready."""
        self.page.evaluate("document.documentElement.dataset.zfLeft = ''")
        yield
        expect(self.page.locator("html[data-zf-ready]:not([data-zf-left])")).to_be_attached()

    def press(self, *keys: str) -> None:
        """Keys for the page itself, one after the other."""
        self.ready()
        for key in keys:
            self.page.keyboard.press(key)

    def is_at(self, path: str) -> None:
        """The address, with its query, is this one."""
        expect(self.page).to_have_url(self.base + path)

    def flaws(self) -> list[str]:
        """What contrast.js finds once fonts are there and nothing moves any more."""
        self.ready()
        self.page.evaluate(_STILL)
        return list(self.page.evaluate(FAINT))

    def has_asked(self, url: str) -> None:
        """Wait until the browser has asked for this address."""
        deadline = time.monotonic() + PATIENCE_S
        while url not in self.requests:
            assert time.monotonic() < deadline, self.requests[-5:]
            self.page.wait_for_timeout(50)

    def polls(self) -> int:
        return sum("/live/" in url for url in self.requests)

    def watch(self) -> None:
        self.page.on("request", lambda request: self._request(request.url))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on(
            "console",
            lambda said: self.troubles.append(said.text) if said.type == "error" else None,
        )

    def _request(self, url: str) -> None:
        self.requests.append(url)
        if urlsplit(url).netloc != urlsplit(self.base).netloc and not url.startswith("data:"):
            self.troubles.append(f"a request to {url}")


OpenDesk = Callable[..., Desk]


class Traffic:
    """How many requests the live server is working on."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = threading.Condition()

    def came(self, **_signal: Any) -> None:
        self._add(1)

    def went(self, **_signal: Any) -> None:
        self._add(-1)

    def _add(self, number: int) -> None:
        with self._changed:
            self._count += number
            self._changed.notify_all()

    def ends(self) -> bool:
        """Wait until nothing is left; False if something stays."""
        with self._changed:
            return self._changed.wait_for(lambda: self._count <= 0, PATIENCE_S)


@pytest.fixture
def traffic(live_server: Any) -> Iterator[Traffic]:
    """A poll that is still read while the tables are emptied for the next test would be in the
    way: the last one has gone before the test is over."""
    traffic = Traffic()
    request_started.connect(traffic.came)
    request_finished.connect(traffic.went)
    yield traffic
    is_over = traffic.ends()
    request_started.disconnect(traffic.came)
    request_finished.disconnect(traffic.went)
    assert is_over


@pytest.fixture
def open_desk(browser: Browser, live_server: Any, traffic: Traffic) -> Iterator[OpenDesk]:
    """Open a window as ``user`` (or nobody). Every window must end without a trouble."""
    desks: list[Desk] = []
    expect.set_options(timeout=PATIENCE_S * 1000)

    def make(user: User | None = None, **options: Any) -> Desk:
        shape = {
            "viewport": {"width": 1440, "height": 1000}, "locale": "zh-CN",
            "timezone_id": "Asia/Shanghai", **options,
        }  # fmt: skip
        context = browser.new_context(**shape)
        context.set_default_timeout(PATIENCE_S * 1000)
        if user is not None:
            client = Client()
            client.force_login(user)
            value = client.cookies[settings.SESSION_COOKIE_NAME].value
            context.add_cookies(
                [{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": live_server.url}]
            )
        desk = Desk(page=context.new_page(), context=context, base=live_server.url)
        desk.watch()
        desks.append(desk)
        return desk

    yield make
    troubles = [trouble for desk in desks for trouble in desk.troubles]
    for desk in desks:
        desk.context.close()
    assert troubles == []


@pytest.fixture
def house(transactional_db: None) -> cast.House:
    return cast.merchant("A")


@pytest.fixture
def finance(transactional_db: None) -> User:
    return cast.person("finance", FINANCE)


@pytest.fixture
def auditor(transactional_db: None) -> User:
    return cast.person("auditor", VIEWS)


@pytest.fixture
def root(transactional_db: None) -> User:
    return cast.person("root", is_superuser=True)
