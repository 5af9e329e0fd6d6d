"""Which addresses a merchant's notice may go to (SSRF). Pure but for one setting.

``channels.transport`` asks ``allows`` for every address that a host name resolves to and then
connects to the very address it asked about, so a name that changes its mind (DNS rebinding)
gains nothing.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from django.conf import settings

ANSWER_BYTES = 4096
"""Of a merchant's answer; the rest is not read."""

_NAT64 = IPv6Network("64:ff9b::/96")


def allows(address: str) -> bool:
    """Whether a notice may be sent to this resolved address."""
    if settings.ALLOW_PRIVATE_NOTICE_URLS:
        return True
    try:
        return all(_is_public(form) for form in _forms(ip_address(address)))
    except ValueError:
        return False


def is_http(url: str) -> bool:
    """Whether ``url`` is one that a notice may be sent to at all."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError when it is not a number
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _forms(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The address, or the IPv4 address that it is only a wrapping of, or both."""
    if isinstance(address, IPv4Address):
        return [address]
    if address in _NAT64:  # what DNS64 answers for every IPv4 host (RFC 6052)
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    tunnelled = [address.sixtofour, *(address.teredo or ())]
    return [address, *(inner for inner in tunnelled if inner is not None)]


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not (isinstance(address, IPv6Address) and address.is_site_local)
    )
