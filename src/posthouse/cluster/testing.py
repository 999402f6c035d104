"""Testing the way to another server, step by step, with a cure for each failure (R22).

A test is a row of stages, which do not depend on one another: a page can ask for one after the other and show what is
known already, whichever process answers. Rooms above add stages of their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import posthouse
from posthouse.cluster import addresses, calls, pairing, servers
from posthouse.cluster.addresses import Address
from posthouse.cluster.errors import CallError, NameUnknown, NotPosthouse, Refused, WrongClock
from posthouse.cluster.looking import Found
from posthouse.cluster.models import Server
from posthouse.cluster.pairing import PairingRefused
from posthouse.web import units

CLOCK_SECONDS = 30.0
"""A larger difference is worth mending, long before signatures are refused."""
FREE_BYTES = 1_000_000_000
TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class Line:
    """One step of a test."""

    name: str
    ok: bool
    result: str
    cure: str = ""
    ends: bool = False
    """Whether the steps behind could not say more."""


Stage = Callable[[Server], Iterator[Line]]

_added: list[tuple[str, Stage]] = []


def register(title: str, stage: Stage) -> None:
    """Add a stage to every test; `title` says what is looked at while it runs."""
    _added.append((title, stage))


def stages(server: Server) -> list[tuple[str, Stage]]:
    """Return the stages of a test of a server in their order, each with what it looks at."""
    own: list[tuple[str, Stage]] = [
        ("name and port", _reach),
        ("certificate, key, version and role", _prove),
        ("signatures both ways, clocks, licence and disk", _sign),
    ]
    last: list[tuple[str, Stage]] = [("alternate address", _alternate)] if server.alternate_address else []
    return [*own, *_added, *last]


def test(server: Server) -> Iterator[Line]:
    """Try everything that two servers need of one another, and yield a line for each step as soon as it is known.

    The first failure of the connection ends it: the steps behind could not say more. A certificate that was renewed is
    pinned anew, if the server proves with its identity key that it is its own.
    """
    for _, stage in stages(server):
        for line in stage(server):
            yield line
            if line.ends:
                return


def _reach(server: Server) -> Iterator[Line]:
    where = f"{server.host}, port {server.port}"
    known = Line("Name", ok=True, result=f"{server.host} is known.")
    try:
        calls.transport().certificate(server.host, server.port)
    except NameUnknown as error:
        yield Line("Name", ok=False, result=f"{server.host} is not known.", cure=error.message, ends=True)
    except CallError as error:
        yield known
        yield Line("Port", ok=False, result=f"No connection to {where}.", cure=error.message, ends=True)
    else:
        yield known
        yield Line("Port", ok=True, result=f"A server answers at {where}.")


def _prove(server: Server) -> Iterator[Line]:
    try:
        found = pairing.same_server(server, Address(server.host, server.port, server.namespace))
    except NotPosthouse as error:
        result = f"No Posthouse server is at {server.namespace}."
        yield Line("URL namespace", ok=False, result=result, cure=error.message, ends=True)
        return
    except (CallError, PairingRefused) as error:
        result = "It is not proven that this is the server."
        yield Line("Identity", ok=False, result=result, cure=error.message, ends=True)
        return
    yield _certificate(server, found)
    yield Line("URL namespace", ok=True, result=f"A Posthouse server is at {server.namespace}.")
    yield Line("Identity", ok=True, result=f"It has proven its key {found.fingerprint}.")
    yield _version(server, found)
    yield _role(server, found)


def _certificate(server: Server, found: Found) -> Line:
    if server.tls_pin != found.pin:
        pairing.renew_certificate(server)
        return Line("TLS", ok=True, result="Its certificate was renewed; it has proven that, and it is pinned now.")
    if found.pin:
        return Line("TLS", ok=True, result="It shows the certificate that was pinned at pairing.")
    return Line("TLS", ok=True, result="A certificate authority stands for its certificate.")


def _version(server: Server, found: Found) -> Line:
    servers.update(server, {"version": found.version})
    if found.version == posthouse.__version__:
        return Line("Version", ok=True, result=f"Both run version {found.version}.")
    return Line(
        "Version",
        ok=False,
        result=f"{server.name} runs {found.version}, this server runs {posthouse.__version__}.",
        cure="Bring both to the same version. Until then they do not sync, and relays wait.",
    )


def _role(server: Server, found: Found) -> Line:
    this = servers.this()
    if server.role != found.role:
        cure = f"Log in at {server.name} and choose Server > Multi-Server > Convert to Slave."
        if found.role == Server.Role.MASTER:
            cure = f"Remove it here, or dissolve the cluster of {server.name}."
        result = f"Its role is {Server.Role(found.role).label}, but it is listed as {server.get_role_display()}."
        return Line("Role", ok=False, result=result, cure=cure)
    master = this if this.role == Server.Role.MASTER else servers.master()
    if found.role == Server.Role.SLAVE and master is not None and found.master != str(master.id):
        return Line(
            "Role",
            ok=False,
            result="It is a slave of another master.",
            cure=f"Log in at {server.name}, choose Reset Configuration, and convert it to a slave of {master.name}.",
        )
    return Line("Role", ok=True, result=f"Its role is {Server.Role(found.role).label}, as listed.")


def _sign(server: Server) -> Iterator[Line]:
    began = time.time()
    try:
        answer = calls.call(server, "POST", "cluster/test", json={"back": True}, timeout=TIMEOUT_SECONDS).json()
    except WrongClock as error:
        yield Line("Clock", ok=False, result="The clocks differ too much.", cure=error.message, ends=True)
        return
    except CallError as error:
        what = error.message if isinstance(error, Refused) else f"{server.name} does not accept our signature."
        yield Line("Signature there", ok=False, result=what, cure=_cure(error, server), ends=True)
        return
    took = time.time() - began
    yield Line("Signature there", ok=True, result=f"{server.name} accepts the signature of this server.")
    back = answer.get("back")
    if back == "":
        yield Line("Signature back", ok=True, result=f"This server accepts the signature of {server.name}.")
    else:
        result = f"{server.name} could not call this server."
        yield Line("Signature back", ok=False, result=result, cure=f"{server.name} says: {back}")
    servers.note_report(server, answer)
    yield _clock(answer, began + took / 2)
    yield from _licence(answer)
    yield _disk(answer)


def _cure(error: CallError, server: Server) -> str:
    if error.code != "removed":
        return error.message
    return (
        f"{error.message} If {server.name} was reset, remove it at the master and pair the two anew; if this server was"
        " removed, choose Reset Configuration here."
    )


def _clock(answer: dict[str, Any], here: float) -> Line:
    ahead = float(answer["clock"]) - here
    result = f"{abs(ahead):.1f} seconds {'ahead of' if ahead > 0 else 'behind'} ours."
    if abs(ahead) <= CLOCK_SECONDS:
        return Line("Clock", ok=True, result=result)
    return Line("Clock", ok=False, result=result, cure="Set the clocks of both by NTP: calls are dated.")


def _licence(answer: dict[str, Any]) -> Iterator[Line]:
    """Show what a server says of its licence: {"ok": …, "result": a sentence, "cure": a sentence}."""
    told = answer.get("licence")
    if isinstance(told, dict):
        yield Line("Licence", bool(told.get("ok")), str(told.get("result", "")), str(told.get("cure", "")))


def _disk(answer: dict[str, Any]) -> Line:
    if "store" in answer:
        return Line("Free disk", ok=False, result="Its store does not work.", cure=str(answer["store"]))
    free = int(answer["free"])
    if free >= FREE_BYTES:
        return Line("Free disk", ok=True, result=f"{units.size(free)} are free.")
    return Line(
        "Free disk", ok=False, result=f"Only {units.size(free)} are free.", cure="Make room for packages there."
    )


def _alternate(server: Server) -> Iterator[Line]:
    host, port = addresses.with_port(server.alternate_address, server.port)
    try:
        pairing.same_server(server, Address(host, port, server.namespace))
    except (CallError, PairingRefused) as error:
        result = f"{server.name} does not answer at {server.alternate_address}."
        yield Line("Alternate address", ok=False, result=result, cure=error.message)
    else:
        yield Line("Alternate address", ok=True, result=f"The same server answers at {server.alternate_address}.")
