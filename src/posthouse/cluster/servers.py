"""This server among the others."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse

import posthouse
from posthouse.cluster import addresses, certificate, keys
from posthouse.cluster.models import Server
from posthouse.licensing import licences, seats
from posthouse.licensing.here import Here

MOST = 1_000_000_000


def this() -> Server:
    """Return this server's own row; it is made if there is none yet."""
    return Server.objects.filter(is_self=True).first() or ensure_this()


def here() -> Here:
    """Return this server as its licence names it."""
    server = this()
    return Here(server.id, server.name)


def master() -> Server | None:
    """Return the master of this cluster: this server, or the one it is a slave of; None on a stand-alone server."""
    return Server.objects.filter(role=Server.Role.MASTER, removed_at=None).first()


def others() -> list[Server]:
    """Return the other servers of the cluster, by name."""
    return list(Server.objects.filter(is_self=False, removed_at=None).order_by("name"))


def ensure_this() -> Server:
    """Make this server's own row, or bring it up to date with the settings, and return it.

    On a slave only its version is its own affair: everything else comes from the master, which knows best how others
    reach it.
    """
    version = {"version": posthouse.__version__}
    facts = version | from_settings() | {"keys": keys.valid(), "tls_pin": certificate.own_pin()}
    try:
        with transaction.atomic():
            server, made = Server.objects.get_or_create(is_self=True, defaults=facts)
    except IntegrityError:  # another process of this server was quicker
        server, made = Server.objects.get(is_self=True), False
    if not made:
        update(server, version if server.role == Server.Role.SLAVE else facts)
    return server


def from_settings() -> dict[str, Any]:
    """Return the name and addresses that this server gives itself."""
    options = settings.POSTHOUSE
    return {"name": options.name, "host": options.host, "port": options.port, "namespace": options.namespace}


def page(server: Server, name: str, *args: Any, **kwargs: Any) -> str:
    """Return the absolute address that the page called `name` has on a server."""
    path = reverse(name, args=args, kwargs=kwargs).removeprefix(settings.POSTHOUSE.prefix)
    return f"{server.origin}{server.namespace.rstrip('/')}{path}"


def link(name: str, *args: Any) -> str:
    """Return the address to which mails send people for this server's page called `name` (D6)."""
    here = this()
    if here.link_address == Server.LinkAddress.ALTERNATE and here.alternate_address:
        here.host, here.port = addresses.with_port(here.alternate_address, here.port)
    return page(here, name, *args)


def origins(server: Server) -> set[str]:
    """Return what browsers call the origin of its pages: by its address, and by its alternate one."""
    found = [(server.host, server.port)]
    if server.alternate_address:
        found.append(addresses.with_port(server.alternate_address, server.port))
    return {Server(host=host.lower(), port=port).origin for host, port in found}


def update(server: Server, facts: dict[str, Any]) -> bool:
    """Write what differs; False, and nothing written, when all is so already."""
    differing = {name: value for name, value in facts.items() if getattr(server, name) != value}
    for name, value in differing.items():
        setattr(server, name, value)
    if differing:
        server.save(update_fields=list(differing))
    return bool(differing)


def report() -> dict[str, Any]:
    """Return what this server tells others of its licence and its seats (R7)."""
    now = seats.now()
    return {"licence": licences.report(), "seats": {"used": now.used, "limit": now.limit}}


def note_report(server: Server, answer: dict[str, Any]) -> None:
    """Write down what another server has told of its seats, if it did."""
    match answer.get("seats"):
        case {"used": int(used), "limit": int() | None as limit} if 0 <= used <= MOST and 0 <= (limit or 0) <= MOST:
            update(server, {"seats_used": used, "seats_limit": limit})
