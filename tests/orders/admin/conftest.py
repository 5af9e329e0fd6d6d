"""Merchants A and B, the people of the console, and a client for each of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests import cast

VIEWS = (
    "view_payorder", "view_refundorder", "view_anomaly", "view_channelcall",
    "view_channelcallback", "view_event", "view_ledgerentry", "view_merchantnotice",
    "view_merchant", "view_application", "view_apikey", "view_channelaccount",
    "view_transferorder", "view_allocationorder", "view_allocationdetail", "view_sharereturn",
    "view_allocationreceiver", "view_allocationgroup",
)  # fmt: skip
SUPPORT = (*VIEWS, "sync_payorder", "sync_refundorder", "replay_merchantnotice")
FINANCE = (
    *VIEWS, "close_payorder", "cancel_payorder", "sync_payorder", "refund_payorder",
    "sync_refundorder", "retry_refundorder", "close_refundorder", "decide_anomaly",
    "add_transferorder", "sync_transferorder", "retry_transferorder", "close_transferorder",
    "cancel_transferorder", "see_payee_transferorder",
    "allocate_payorder", "sync_allocationorder", "retry_allocationorder",
    "finish_allocationorder", "return_allocationdetail", "sync_sharereturn",
    "retry_sharereturn", "close_sharereturn", "add_allocationreceiver",
    "bind_allocationreceiver", "unbind_allocationreceiver", "add_allocationgroup",
    "change_allocationgroup",
)  # fmt: skip

ClientOf = Callable[[User], Client]


@pytest.fixture
def house(db: None) -> cast.House:
    return cast.merchant("A", notify_url="https://shop-a.example/notices")


@pytest.fixture
def client_of(db: None) -> ClientOf:
    """A logged-in client that reads English, as ``root`` and the others below do."""

    def make(user: User) -> Client:
        client = Client(headers={"Accept-Language": "en"})
        client.force_login(user)
        return client

    return make


@pytest.fixture
def root(db: None) -> User:
    return cast.person("root", is_superuser=True)


@pytest.fixture
def auditor(db: None) -> User:
    return cast.person("auditor", VIEWS)


@pytest.fixture
def support(db: None) -> User:
    return cast.person("support", SUPPORT)


@pytest.fixture
def finance(db: None) -> User:
    return cast.person("finance", FINANCE)


@pytest.fixture
def as_root(client_of: ClientOf, root: User) -> Client:
    return client_of(root)


@pytest.fixture
def as_finance(client_of: ClientOf, finance: User) -> Client:
    return client_of(finance)


@pytest.fixture
def as_auditor(client_of: ClientOf, auditor: User) -> Client:
    return client_of(auditor)
