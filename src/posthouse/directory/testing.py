"""Testing a connection to a directory, step by step, with a cure for each failure."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from posthouse.directory import ldap, people
from posthouse.directory.errors import Away, BadSetting, DirectoryError, WrongCertificate
from posthouse.directory.models import Connection
from posthouse.directory.plan import Plan
from posthouse.directory.port import Directory, Found, Way

ENOUGH = 500
"""People that are looked at: the count of more is not waited for."""
SECONDS = 10


@dataclass(frozen=True)
class Line:
    """One step of a test."""

    name: str
    ok: bool
    result: str
    cure: str = ""


def test(connection: Connection) -> Iterator[Line]:
    """Try everything that imports and log-ins need, and yield a line for each step as soon as it is known."""
    way, plan = connection.way(), connection.plan()
    good: str | None = None
    for host in way.hosts:
        for line in _reach(way, host):
            yield line
            reached = line.ok
        good = good or (host if reached else None)
    if good is None:
        return
    try:
        name, password = connection.bind_name, connection.password()
        directory = ldap.connect(Way((good,), way.port, way.security, way.authorities), name, password, seconds=SECONDS)
    except DirectoryError as error:
        yield _failed("Log-in", error)
        return
    try:
        yield Line("Log-in", ok=True, result=f"{connection.bind_name} has logged in.")
        yield from _read(directory, plan)
    finally:
        directory.close()


def _reach(way: Way, host: str) -> Iterator[Line]:
    where = f"{host}, port {way.port}"
    try:
        socket.getaddrinfo(host, way.port, type=socket.SOCK_STREAM)
    except OSError:
        yield Line("Name", ok=False, result=f"{host} is not known.", cure="Correct it, or write an IP address.")
        return
    yield Line("Name", ok=True, result=f"{host} is known.")
    try:
        ldap.open_line(way, host, SECONDS).close()
    except WrongCertificate as error:
        yield Line("Port", ok=True, result=f"A server answers at {where}.")
        yield _failed("Certificate", error)
    except (Away, BadSetting) as error:
        yield _failed("Port", error)
    else:
        yield Line("Port", ok=True, result=f"A server answers at {where}.")
        if way.security == "none":
            yield Line("Certificate", ok=True, result="The line is plain, so there is none.")
        else:
            yield Line("Certificate", ok=True, result=f"It is valid, and for {host}.")


def _read(directory: Directory, plan: Plan) -> Iterator[Line]:
    for base in (*plan.bases, *plan.below):
        try:
            directory.get(base, ["objectClass"])
        except DirectoryError as error:
            yield _failed("Base", error)
            return
        yield Line("Base", ok=True, result=f"{base} is there.")
    sample: Found | None = None
    try:
        attributes = people.wanted(plan.kind, plan.attributes)
        count = 0
        for base in plan.people_bases:
            for found in islice(directory.search(base, plan.person_filter, attributes), ENOUGH - count):
                sample, count = sample or found, count + 1
    except DirectoryError as error:
        yield _failed("People", error)
        return
    if sample is None:
        cure = "Correct the base or the filter for people, or let the account read more."
        yield Line("People", ok=False, result=f"Nobody matches {plan.person_filter}.", cure=cure)
        return
    found_text = f"At least {count} people match." if count >= ENOUGH else f"People who match: {count}."
    yield Line("People", ok=True, result=found_text)
    yield _person(plan, sample)
    yield from _groups(directory, plan)


def _person(plan: Plan, sample: Found) -> Line:
    person = people.read(plan.kind, plan.attributes, sample, [], enabled=True)
    wanted = {
        people.UID[plan.kind]: person.uid,
        plan.attributes.login: person.login,
        plan.attributes.email: person.email,
    }
    lacking = [name for name, value in wanted.items() if not value]
    if lacking:
        result = f"{sample.dn} has no {' and no '.join(lacking)} that this server may read."
        return Line(
            "A person", ok=False, result=result, cure="Correct the attributes, or exclude such people by filter."
        )
    fields = "; ".join(f"{name}: {', '.join(values)}" for name, values in person.fields.items())
    result = f"{person.name}, user name {person.login}, {person.email}. {fields}".strip()
    return Line("A person", ok=True, result=result[:1000])


def _groups(directory: Directory, plan: Plan) -> Iterator[Line]:
    try:
        names = [
            found.text("cn")
            for base in plan.bases
            for found in islice(directory.search(base, plan.group_filter, ["cn"]), ENOUGH)
        ]
    except DirectoryError as error:
        yield _failed("Groups", error)
        return
    if not names:
        cure = "Rules and the choice of people by groups need them: correct the filter for groups."
        yield Line("Groups", ok=not plan.within, result=f"No group matches {plan.group_filter}.", cure=cure)
        return
    more = "At least " if len(names) >= ENOUGH else ""
    yield Line("Groups", ok=True, result=f"{more}{len(names)} groups, for example {', '.join(names[:3])}.")


def _failed(name: str, error: DirectoryError) -> Line:
    return Line(name, ok=False, result=error.message, cure=error.cure)
