"""Networks from which people may log in. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.core.exceptions import ValidationError

Network = IPv4Network | IPv6Network
MOST = 200
IPV6_SITE = 64
"""Bits that people who share an IPv6 line have in common: they have all addresses behind it."""


def check_networks(text: str) -> None:
    """Raise ValidationError when a text is no list of networks."""
    try:
        found = parse(text)
    except ValueError as error:
        raise ValidationError(str(error), code="network") from error
    if len(found) > MOST:
        raise ValidationError(f"At most {MOST} networks can be named.", code="network")


@lru_cache(maxsize=64)
def parse(text: str) -> tuple[Network, ...]:
    """Return the networks in a text, which are separated by lines, spaces or commas. Raises ValueError."""
    found = []
    for word in re.split(r"[\s,;]+", text.strip()):
        if not word:
            continue
        try:
            found.append(ip_network(word))
        except ValueError as error:
            raise ValueError(f"“{word[:60]}” is no network. Write it like 192.0.2.0/24 or 2001:db8::/32.") from error
    return tuple(found)


def allows(text: str, address: str) -> bool:
    """Return whether an address is in one of the networks; an empty list allows all."""
    networks = parse(text)
    if not networks:
        return True
    known = _address(address)
    return known is not None and any(known in network for network in networks)


def site(address: str) -> str:
    """Return what stands for everybody who comes from the same place as an address."""
    known = _address(address)
    if isinstance(known, IPv6Address):
        return str(ip_network((known, IPV6_SITE), strict=False))
    return str(known or "")


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        known = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (known.ipv4_mapped or known) if isinstance(known, IPv6Address) else known
