"""Where a notice may go."""

from __future__ import annotations

import pytest

from orders.engine import guard


@pytest.fixture(autouse=True)
def strict(settings):
    settings.ALLOW_PRIVATE_NOTICE_URLS = False


@pytest.mark.parametrize("address", ["1.1.1.1", "203.0.114.9", "2606:4700:4700::1111"])
def test_public_addresses_are_allowed(address):
    assert guard.allows(address) is True


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",  # the metadata service of a cloud
        "100.64.0.1",  # carrier-grade NAT
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd12:3456::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",  # mapped
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",  # NAT64 of 127.0.0.1
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",  # 6to4 of 127.0.0.1
        "2002:a00:1::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",  # Teredo
        "not an address",
        "",
    ],
)
def test_every_other_address_is_refused(address):
    assert guard.allows(address) is False


def test_a_public_address_inside_a_gateways_prefix_is_judged_by_both():
    assert guard.allows("64:ff9b::101:101") is True
    assert guard.allows("::ffff:1.1.1.1") is True


def test_a_rehearsal_may_call_this_machine(settings):
    settings.ALLOW_PRIVATE_NOTICE_URLS = True
    assert guard.allows("127.0.0.1") is True


@pytest.mark.parametrize("url", ["http://shop.example/n", "https://shop.example:8443/n?a=1"])
def test_http_and_https_are_spoken(url):
    assert guard.is_http(url) is True


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example/n",
        "ftp://shop.example/n",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "javascript:alert(1)",
        "http://",
        "http:///n",
        "https://:443/",
        "http://shop.example:port/",
        "http://[::1/",
    ],
)
def test_nothing_else_is(url):
    assert guard.is_http(url) is False
