"""Giving this server another identity key, and telling the others of it (D7).

A slave tells its master, from which the other slaves learn it by the Server List. The master tells each slave.
"""

from __future__ import annotations

from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone

from posthouse.audit import log as audit
from posthouse.audit.log import Who
from posthouse.cluster import calls, identity, keys, servers
from posthouse.cluster.errors import CallError, Refusal
from posthouse.cluster.models import KeyChange, Server
from posthouse.cluster.pairing import PairingRefused

TELL_SECONDS = 30.0
"""How often those are told that do not know all valid keys yet."""
TIMEOUT_SECONDS = 10.0

log = structlog.get_logger("posthouse.cluster")


def begin(by: Who = audit.SERVER) -> KeyChange:
    """Make the next key, and let the present one vouch for it. Raises PairingRefused."""
    this = servers.this()
    if keys.rotation() is not None:
        raise PairingRefused("A rotation of keys has begun already. Bring it to its end first.")
    new = identity.make_next()
    try:
        with transaction.atomic():
            signature = keys.vouch(this.id, new)
            change = KeyChange.objects.create(old=identity.public_key(), new=new, signature=signature)
            _show(this)
            audit.record(by, "key.made", f"A new identity key was made: {identity.fingerprint(new)}.", this)
    except IntegrityError as error:
        raise PairingRefused("Somebody else has just begun a rotation of keys. Look at the page again.") from error
    log.info("key rotation begun", key=identity.code(new))
    return change


def switch(by: Who = audit.SERVER, *, without: bool = False) -> None:
    """Sign with the new key from now on. Raises PairingRefused.

    Servers that do not know it yet refuse this one until they are told: without `without`, that is not done to them.
    """
    change = _begun()
    waiting = unaware()
    if waiting and not without:
        names = ", ".join(server.name for server in waiting)
        raise PairingRefused(f"{names} would refuse this server: the new key is not known there yet.")
    with transaction.atomic():
        audit.record(by, "key.used", f"The new identity key signs: {identity.fingerprint(change.new)}.", servers.this())
        identity.promote()
    _show(servers.this())
    log.info("key rotation switched", key=identity.code(change.new))


def retire(by: Who = audit.SERVER) -> None:
    """Have the old key be valid no longer. Raises PairingRefused."""
    change = keys.rotation()
    if change is None:
        raise PairingRefused("There is no old key to retire.")
    if identity.public_key() != change.new:
        raise PairingRefused("The old key still signs. Sign with the new one first.")
    with transaction.atomic():
        KeyChange.objects.filter(pk=change.pk, retired_at=None).update(retired_at=timezone.now())
        this = servers.this()
        _show(this)
        audit.record(by, "key.retired", f"An identity key was retired: {identity.fingerprint(change.old)}.", this)
    log.info("key retired", key=identity.code(change.old))


def replace(by: Who = audit.SERVER) -> None:
    """Put another key in the place of one that was stolen, at once and whoever knows of it. Raises PairingRefused."""
    if keys.rotation() is None:
        begin(by)
    change = keys.rotation()
    if change is not None and identity.public_key() != change.new:
        switch(by, without=True)
    retire(by)


def unaware() -> list[Server]:
    """Return the other servers that have not said yet that they know all valid keys, by name."""
    wanted = set(keys.valid())
    return [server for server in servers.others() if set(server.known_keys) != wanted]


def tell_unaware() -> list[tuple[Server, str]]:
    """Tell those who do not know all valid keys; return whom it did not reach, and why."""
    if not KeyChange.objects.exists():
        return []  # there is nothing that pairing has not told
    failed = []
    for server in unaware():
        try:
            _tell(server)
        except CallError as error:
            failed.append((server, error.message))
            log.info("keys not told", server=server.name, reason=error.message)
    return failed


def take(sender: Server, told: dict[str, Any]) -> dict[str, Any]:
    """Write down the keys that a server has told, if this one is to believe it, and answer which ones are known now.

    The call was signed with a key that is known here, or to which what it tells leads from one that is.
    """
    wanted, trusted = keys.read(told.get("keys")), keys.follow(sender.id, sender.keys, told.get("changes"))
    if not wanted or not set(wanted) <= set(trusted):
        raise Refusal(400, f"{sender.name} tells keys for which no key that is known here vouches.")
    # Slaves believe their master alone: what it says of the others comes with the Server List.
    roles = {servers.this().role, sender.role}
    if roles == {Server.Role.MASTER, Server.Role.SLAVE} and sender.keys != wanted:
        with transaction.atomic():
            servers.update(Server.objects.select_for_update().get(pk=sender.pk), {"keys": wanted})
            text = f"{sender.name} has told its valid keys: {', '.join(map(identity.fingerprint, wanted))}."
            audit.record(audit.SERVER, "key.told", text, sender)
        log.info("keys told", server=sender.name, keys=[identity.code(key) for key in wanted])
        return {"keys": wanted}
    return {"keys": sender.keys}


def _tell(server: Server) -> None:
    document = {"keys": keys.valid(), "changes": keys.changes()}
    answer = calls.call(server, "POST", "cluster/keys", json=document, timeout=TIMEOUT_SECONDS).json()
    Server.objects.filter(pk=server.pk).update(known_keys=keys.read(answer.get("keys")))


def _begun() -> KeyChange:
    change = keys.rotation()
    if change is None:
        raise PairingRefused("Begin a rotation of keys first.")
    if identity.public_key() == change.new:
        raise PairingRefused("The new key signs already.")
    return change


def _show(this: Server) -> None:
    """Write the valid keys into this server's own row; on a slave that is for the master to do."""
    if this.role != Server.Role.SLAVE:
        servers.update(this, {"keys": keys.valid()})
