"""Where a request comes from. Used by the doors for machines; never decides anything itself."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable

from django.conf import settings
from django.http import HttpRequest

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(request: HttpRequest) -> IPAddress | None:
    """The caller's address, or None where the server does not know one (a unix socket).

    ``X-Forwarded-For`` counts only as far as our own proxies wrote it: read from the right, the
    first address that is not one of settings.TRUSTED_PROXIES. What stands left of that was
    written by the caller, who may claim anything.
    """
    address = parse(request.META.get("REMOTE_ADDR", ""))
    proxies = networks(tuple(settings.TRUSTED_PROXIES))
    hops = [hop for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    while address is not None and hops and is_in(address, proxies):
        address = parse(hops.pop())
    return address


def parse(text: str) -> IPAddress | None:
    """An address as people and proxies write it; None when it is none."""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


@functools.lru_cache(maxsize=1024)
def networks(texts: tuple[str, ...]) -> tuple[IPNetwork, ...]:
    """Networks such as ``203.0.113.0/24``. Raises ValueError for anything else."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def is_in(address: IPAddress, within: Iterable[IPNetwork]) -> bool:
    return any(address.version == net.version and address in net for net in within)
