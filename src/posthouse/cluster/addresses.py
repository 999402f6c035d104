"""Reading the addresses that people type. No network."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

from posthouse.cluster.models import DEFAULT_NAMESPACE

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE | re.ASCII)
_NAMESPACE = re.compile(r"(/[A-Za-z0-9._-]+)*")


class BadAddress(ValueError):
    """What was typed is no address; the message says what to type instead."""


@dataclass(frozen=True)
class Address:
    """Where a server is to be found."""

    host: str
    port: int
    namespace: str = DEFAULT_NAMESPACE


def host(text: str) -> str:
    """Return a host name or IP address, tidied. Raises BadAddress."""
    text = text.strip()
    if "://" in text or "/" in text:
        raise BadAddress(
            "Type the name or the IP address only, without https:// and without what follows the name:"
            " for example tokyo.example."
        )
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return str(ip_address(bare))
    except ValueError:
        pass
    if ":" in text:
        raise BadAddress("Type the port in its own field, not after the name.")
    if re.fullmatch(r"[0-9.]+", text, re.ASCII):
        raise BadAddress(f"{text} is not an IP address: it needs four numbers from 0 to 255.")
    name = text.removesuffix(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise BadAddress("Type a host name, for example tokyo.example, or an IP address, for example 192.0.2.7.")
    return name.lower()


def port(text: str) -> int:
    """Return a port number. Raises BadAddress."""
    if not text.isascii() or not text.isdigit() or len(text) > 5 or not 1 <= int(text) <= 65535:
        raise BadAddress(f"{text or 'Nothing'} is not a port. A port is a number from 1 to 65535; HTTPS has 443.")
    return int(text)


def namespace(text: str) -> str:
    """Return a URL namespace with a slash before and none after it; "/" for none. Raises BadAddress."""
    path = "/" + "/".join(part for part in text.strip().split("/") if part)
    if path != "/" and (not _NAMESPACE.fullmatch(path) or {".", ".."} & set(path.split("/"))):
        raise BadAddress("A URL namespace has letters, digits, - _ . and / only, for example /aspera/faspex.")
    return path


def with_port(text: str, default: int) -> tuple[str, int]:
    """Return host and port of "host", "host:port", "IPv6" or "[IPv6]:port". Raises BadAddress."""
    text = text.strip()
    if "/" in text:
        return host(text), default  # which says what is wrong with it
    if text.startswith("[") and "]" in text:
        name, _, rest = text[1:].partition("]")
        return host(name), port(rest.removeprefix(":")) if rest else default
    if text.count(":") == 1:
        name, _, number = text.partition(":")
        return host(name), port(number)
    return host(text), default


def whole(text: str) -> Address:
    """Return the address of a server of which people type one line: a host, a port with it, or what a browser shows.

    Raises BadAddress.
    """
    text = text.strip()
    if text.lower().startswith("http://"):
        raise BadAddress("Servers are called by https:// only. Type the name or the IP address of the master.")
    bare = re.sub(r"(?i)^https://", "", text)
    place, slash, path = bare.partition("/")
    if not place:
        raise BadAddress("Type the name or the IP address of the master.")
    found, number = with_port(place, 443)
    return Address(found, number, namespace(path) if slash and path.strip("/") else DEFAULT_NAMESPACE)
