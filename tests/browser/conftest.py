"""A chromium, a live server and people who are logged in.

The server runs in threads of this process on the test database; workers are played by
``tests.cast``. Playwright's loop runs in the main thread, which Django would take for async code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page

from tests import cast
from tests.orders.admin.conftest import FINANCE, VIEWS


@dataclass
class Desk:
    """One person's browser window, and everything that went wrong in it."""

    page: Page
    context: BrowserContext
    base: str
    troubles: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        self.page.goto(self.base + path)

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


@pytest.fixture
def open_desk(browser: Browser, live_server: Any) -> Iterator[OpenDesk]:
    """Open a window as ``user`` (or nobody). Every window must end without a trouble."""
    desks: list[Desk] = []

    def make(user: User | None = None, **options: Any) -> Desk:
        shape = {
            "viewport": {"width": 1440, "height": 1000}, "locale": "zh-CN",
            "timezone_id": "Asia/Shanghai", **options,
        }  # fmt: skip
        context = browser.new_context(**shape)
        context.set_default_timeout(10_000)
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
