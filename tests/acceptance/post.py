"""What people sent one another over several servers, and whether the servers' records agree with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from posthouse.cli.parcels import Parcel
from tests.acceptance.servers import RealServer


@dataclass(frozen=True)
class Letter:
    """A package that somebody sent."""

    sender: str
    recipients: tuple[str, ...]
    parcel: Parcel


@dataclass
class Post:
    """What was sent and what came. Threads add to it."""

    people: Mapping[str, str]
    """Log-in name → name of the server where this person is at home."""
    letters: dict[str, Letter] = field(default_factory=dict)
    """By the package's id."""
    fetched: set[tuple[str, str]] = field(default_factory=set)
    """(log-in name, package): seen by a recipient, fetched, and found equal."""

    def awaited(self) -> set[tuple[str, str]]:
        """Return (log-in name, package) of all that was sent, but not fetched yet."""
        return {(to, package) for package, letter in self.letters.items() for to in letter.recipients} - self.fetched

    def complaints(self, server: RealServer) -> Iterator[str]:
        """Yield what is wrong in the records of a server that has stopped."""
        if not server.database_url and (found := server.query("PRAGMA integrity_check")) != [("ok",)]:
            yield f"the database of {server.name} is damaged: {found}"
        for state, error in server.query("SELECT state, last_error FROM relays_relay WHERE state <> 'done'"):
            yield f"a relay from {server.name} is {state}: {error}"
        for (state,) in server.query("SELECT state FROM relays_arrival WHERE state <> 'committed'"):
            yield f"an arrival at {server.name} is {state}"
        if held := server.query("SELECT id FROM transfers_upload WHERE lease_holder <> ''"):
            yield f"{len(held)} uploads at {server.name} are still held"
        if active := server.query("SELECT id FROM sync_run WHERE state = 'active'"):
            yield f"{len(active)} syncs of {server.name} are still active"
        if lost := _blobs(server) - _files(server):
            yield f"{len(lost)} blobs at {server.name} have no file"
        yield from self._of_packages(server)
        yield from self._of_deliveries(server)

    def _of_packages(self, server: RealServer) -> Iterator[str]:
        """Each is complete, and just where somebody has to do with it."""
        there = {_id(pk): status for pk, status in server.query("SELECT id, status FROM packages_package")}
        for package, status in there.items():
            if status != "complete":
                yield f"package {package} at {server.name} is {status}"
        wanted = {
            package
            for package, letter in self.letters.items()
            if any(self.people[login] == server.name for login in (letter.sender, *letter.recipients))
        }
        if missing := wanted - there.keys():
            yield f"{server.name} lacks the packages {missing}"
        if strange := there.keys() - wanted:
            yield f"{server.name} has packages that nobody made for it: {strange}"

    def _of_deliveries(self, server: RealServer) -> Iterator[str]:
        """There is one, and not two, for each recipient at his home server, and nowhere else."""
        found = server.query(
            "SELECT u.login, d.package_id FROM packages_delivery d JOIN accounts_user u ON u.id = d.recipient_id"
            " WHERE d.available_at IS NOT NULL"
        )
        wanted = [
            (login, package)
            for package, letter in self.letters.items()
            for login in letter.recipients
            if self.people[login] == server.name
        ]
        if sorted((login, _id(package)) for login, package in found) != sorted(wanted):
            yield f"the deliveries at {server.name} are not one for each recipient"


def litter(server: RealServer) -> int:
    """Return how many files in the store no record knows."""
    return len(_files(server) - _blobs(server))


def accounts(server: RealServer) -> list[tuple[str, ...]]:
    """Return the accounts of the whole domain, with their homes."""
    rows = server.query(
        "SELECT u.id, u.login, u.email, h.name FROM accounts_user u LEFT JOIN cluster_server h ON h.id = u.home_id"
        " WHERE NOT u.local AND u.removed_at IS NULL"
    )
    return sorted(tuple(map(str, row)) for row in rows)


def _blobs(server: RealServer) -> set[str]:
    return {_id(pk) for (pk,) in server.query("SELECT id FROM store_blob WHERE size > 0")}


def _files(server: RealServer) -> set[str]:
    return {path.name for path in (server.folder / "data" / "store").rglob("*") if path.is_file()}


def _id(value: Any) -> str:
    """Return an id as pages write it; SQLite keeps it without the hyphens."""
    return str(UUID(str(value)))
