"""How servers become a cluster, and leave it (R11-R19, R65-R67)."""

from __future__ import annotations

from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone

from posthouse.audit import log as audit
from posthouse.audit.log import Who
from posthouse.cluster import addresses, keys, servers, signals
from posthouse.cluster.addresses import Address
from posthouse.cluster.looking import Found
from posthouse.cluster.looking import look as look_at
from posthouse.cluster.models import DEFAULT_NAMESPACE, Server
from posthouse.licensing import licences

log = structlog.get_logger("posthouse.cluster")
Role = Server.Role
LABELS = {
    "name": "Name",
    "host": "Host name or IP address",
    "namespace": "URL namespace",
    "port": "HTTPS port",
    "alternate_address": "Alternate address",
    "link_address": "Address in e-mail links",
}
"""What can be changed about a server, as the page calls it."""


class PairingRefused(Exception):
    """It cannot be done as things are; the message says why and what to do. `field` names the input at fault."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field


def look(address: str) -> Found:
    """Return which server answers at what an administrator typed: host, host:port, or what a browser shows.

    Raises CallError, and BadAddress.
    """
    return look_at(addresses.whole(address))


def may_convert() -> None:
    """Raise PairingRefused unless this server could become a slave."""
    _licensed()
    this = servers.this()
    if this.role == Role.MASTER:
        raise PairingRefused(
            f"{this.name} is the master of a cluster. Remove its slaves first; then it can become a slave itself."
        )
    if this.role == Role.SLAVE:
        raise PairingRefused(f"{this.name} is a slave already. Choose Reset Configuration first to change its master.")


def check_master(found: Found) -> None:
    """Raise PairingRefused unless this server could become a slave of that one."""
    may_convert()
    this = servers.this()
    if found.id == this.id:
        raise PairingRefused(f"That is the address of {this.name} itself. Type the address of the master.", "address")
    if found.role == Role.SLAVE:
        raise PairingRefused(f"{found.name} is a slave itself. Type the address of its master.", "address")
    if found.name.lower() == this.name.lower():
        raise PairingRefused(
            f"The master is called {found.name} as well. Give this server another name in its settings, and start it"
            " again."
        )


def convert(address: str, expected_key: str | None = None, by: Who = audit.SERVER) -> Server:
    """Make this server a slave of the master at that address, and return the master (R11-R13).

    The master's key and certificate are pinned; `expected_key` is the key whose fingerprint was compared. The
    administrators of this server keep their accounts as local ones; all other accounts stay until the first sync.
    Raises PairingRefused, CallError, BadAddress.
    """
    found = look(address)
    check_master(found)
    _compare(found, expected_key)
    this = servers.this()
    with transaction.atomic():
        if not Server.objects.filter(id=this.id, role=Role.STANDALONE).update(role=Role.SLAVE):
            raise PairingRefused("Somebody else has just changed the role of this server. Look at the Server List.")
        Server.objects.filter(is_self=False, removed_at=None).exclude(id=found.id).update(removed_at=timezone.now())
        master = _remember(found, name=found.name, role=Role.MASTER)
        this.refresh_from_db()
        signals.converted.send(Server, this=this, master=master)
        audit.record(by, "server.converted", f"{this.name} was converted to a slave of {master.name}.", this)
    log.info("converted to slave", master=master.name, key=found.fingerprint)
    return master


def check_slave(found: Found, name: str) -> None:
    """Raise PairingRefused unless that server could be added here as a slave of that name."""
    this = servers.this()
    may_change_servers()
    _licensed()
    if Server.objects.filter(name__iexact=name, removed_at=None).exclude(id=found.id).exclude(is_self=True).exists():
        raise PairingRefused(f"There is a server called {name} in the Server List already.", "name")
    if name.lower() == this.name.lower():
        raise PairingRefused(f"This server is called {name}. Give the slave another name.", "name")
    if found.id == this.id:
        raise PairingRefused(f"That is the address of {this.name} itself. Type the address of the slave.", "host")
    known = Server.objects.filter(id=found.id, removed_at=None).first()
    if known is not None:
        raise PairingRefused(f"That server is in the Server List already, as {known.name}.", "host")
    if found.role == Role.STANDALONE:
        raise PairingRefused(
            f"{found.name} is no slave yet. Log in there first, go to Server > Multi-Server, choose Convert to Slave"
            f" and type {servers.this().host}.",
            "host",
        )
    if found.role == Role.MASTER:
        raise PairingRefused(f"{found.name} is the master of a cluster of its own.", "host")
    if found.master != str(this.id):
        raise PairingRefused(
            f"{found.name} is a slave of another master. Log in there, choose Reset Configuration, and convert it"
            f" to a slave of {this.name}.",
            "host",
        )


def may_change_servers() -> None:
    """Raise PairingRefused on a slave: servers are added, changed and removed at the master."""
    if servers.this().role != Role.SLAVE:
        return
    master = servers.master()
    where = f" Go to {master.name} ({master.address})." if master else ""
    raise PairingRefused(f"This server is a slave: servers are added, changed and removed at the master.{where}")


def add(
    name: str,
    host: str,
    namespace: str = DEFAULT_NAMESPACE,
    port: int = 443,
    alternate: str = "",
    links: str = Server.LinkAddress.MAIN,
    *,
    expected_key: str | None = None,
    by: Who = audit.SERVER,
) -> Server:
    """Add a slave to the Server List, and return it (R14-R19). The first one makes this server the master (R2, R9).

    Its key and certificate are pinned; `expected_key` is the key whose fingerprint was compared.
    Raises PairingRefused, CallError, BadAddress.
    """
    found = look_at(Address(addresses.host(host), port, addresses.namespace(namespace)))
    check_slave(found, name)
    _compare(found, expected_key)
    this = servers.this()
    with transaction.atomic():
        if not Server.objects.filter(id=this.id, role__in=[Role.STANDALONE, Role.MASTER]).update(role=Role.MASTER):
            raise PairingRefused("This server has just become a slave. Servers are added at the master.")
        try:
            with transaction.atomic():
                ways = {"alternate_address": alternate, "link_address": links}
                slave = _remember(found, name=name, role=Role.SLAVE, **ways)
        except IntegrityError as error:
            raise PairingRefused(f"There is a server called {name} in the Server List already.", "name") from error
        signals.server_added.send(Server, server=slave)
        audit.record(by, "server.added", f"{slave.name}, {slave.address}, was added as a slave.", slave)
    log.info("slave added", server=slave.name, key=found.fingerprint)
    return slave


def edit(
    server: Server,
    name: str,
    host: str,
    namespace: str,
    port: int,
    alternate: str = "",
    links: str = Server.LinkAddress.MAIN,
    by: Who = audit.SERVER,
) -> None:
    """Change how a slave is called and reached. At a new address the same server must answer, proven by its key.

    Raises PairingRefused, CallError, BadAddress.
    """
    may_change_servers()
    facts: dict[str, Any] = {"name": name, "alternate_address": alternate, "link_address": links}
    address = Address(addresses.host(host), port, addresses.namespace(namespace))
    if address != Address(server.host, server.port, server.namespace):
        facts |= _address_facts(same_server(server, address))
    _change(server, facts, by)


def edit_this(alternate: str, links: str, by: Who = audit.SERVER) -> None:
    """Change the second way to this server; everything else about it stands in its settings. Raises PairingRefused."""
    may_change_servers()
    _change(servers.this(), {"alternate_address": alternate, "link_address": links}, by)


def _change(server: Server, facts: dict[str, Any], by: Who) -> None:
    changed = [LABELS[name] for name in facts if name in LABELS and getattr(server, name) != facts[name]]
    try:
        with transaction.atomic():
            if servers.update(server, facts):
                audit.record(by, "server.changed", f"{server.name} was changed: {', '.join(changed)}.", server)
    except IntegrityError as error:
        raise PairingRefused(f"There is a server called {facts['name']} in the Server List already.", "name") from error


def same_server(server: Server, address: Address) -> Found:
    """Return what answers at an address, if it is that server. Raises PairingRefused, CallError."""
    found = look_at(address)
    if found.id != server.id:
        raise PairingRefused(f"Another server answers at that address: {found.name}, not {server.name}.", "host")
    if found.keys[0] not in keys.follow(server.id, server.keys, found.changes):
        raise PairingRefused(
            f"{found.name} shows another identity key than the one that was pinned. If it was set up anew, remove it"
            " and pair the two servers again.",
            "host",
        )
    return found


def renew_certificate(server: Server) -> None:
    """Pin the certificate that a server shows now, if it proves with its key that it is its own.

    Raises PairingRefused, CallError.
    """
    found = same_server(server, Address(server.host, server.port, server.namespace))
    if servers.update(server, {"tls_pin": found.pin}):
        log.info("certificate pinned anew", server=server.name)


def remove(server: Server, by: Who = audit.SERVER) -> None:
    """Take a slave out of the cluster: from now on its key is refused (R65). Raises PairingRefused.

    When the last slave goes, the master stands alone again.
    """
    may_change_servers()
    with transaction.atomic():
        left = Server.objects.filter(id=server.id, is_self=False, removed_at=None)
        if not left.update(removed_at=timezone.now()):
            raise PairingRefused(f"{server.name} is not in the Server List any more.")
        server.refresh_from_db()
        if not Server.objects.filter(is_self=False, removed_at=None).exists():
            Server.objects.filter(is_self=True, role=Role.MASTER).update(role=Role.STANDALONE)
        signals.server_removed.send(Server, server=server)
        audit.record(by, "server.removed", f"{server.name} was removed from the cluster.", server)
    log.info("server removed", server=server.name)


def reset(by: Who = audit.SERVER) -> None:
    """Make this slave a stand-alone server again, with its accounts and packages (R66, R67). Raises PairingRefused."""
    with transaction.atomic():
        if not Server.objects.filter(is_self=True, role=Role.SLAVE).update(role=Role.STANDALONE):
            raise PairingRefused("Only a slave can be reset.")
        others = Server.objects.filter(is_self=False, removed_at=None)
        left = list(others)
        others.update(removed_at=timezone.now())
        this = servers.ensure_this()
        signals.was_reset.send(Server, this=this, left=left)
        audit.record(by, "server.reset", f"The configuration of {this.name} was reset: it stands alone again.", this)
    log.info("configuration reset", server=this.name)


def _licensed() -> None:
    """Raise PairingRefused when the licence of this server does not let it be part of a cluster (R1).

    Leaving a cluster needs no licence.
    """
    if lacking := licences.lacking():
        raise PairingRefused(lacking)


def _compare(found: Found, expected_key: str | None) -> None:
    if expected_key is not None and expected_key != found.keys[0]:
        raise PairingRefused(
            f"{found.name} shows another fingerprint now than the one that was compared: {found.fingerprint}."
            " Somebody may stand between the two servers. Nothing was changed."
        )


def _remember(found: Found, **facts: Any) -> Server:
    """Write a server down with its key and its pin; one that was removed earlier comes back."""
    facts |= {"keys": found.keys, "version": found.version, "removed_at": None, **_address_facts(found)}
    server, _ = Server.objects.update_or_create(id=found.id, defaults=facts)
    return server


def _address_facts(found: Found) -> dict[str, Any]:
    address = found.address
    return {"host": address.host, "port": address.port, "namespace": address.namespace, "tls_pin": found.pin}
