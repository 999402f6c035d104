"""Whoever may not see a package finds no way to it, whatever was sent, forwarded, recalled, expired and moved before.

Two whole servers, paris and tokyo. A model beside them says who may see what, and where; at the end of each sequence
every page, call, download and link is tried by everybody on both servers, and in between what they all rest on.
ACCESS_EXAMPLES=200 looks for longer.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.lib.ids import uuid7
from tests.access import acts, ways
from tests.cluster.far import Far
from tests.conftest import make_user
from tests.sync.test_runs import sync

FEW = 6
EXAMPLES = int(os.environ.get("ACCESS_EXAMPLES", FEW))
HOMES = {"alice": "paris", "dora": "paris", "bob": "tokyo", "ben": "tokyo", "stranger": "paris"}
PEOPLE = list(HOMES)
EVE = "eve@outside.example"
people = st.sampled_from(PEOPLE[:4])
some = st.lists(st.sampled_from([*PEOPLE[:4], EVE]), max_size=3, unique=True)


@dataclass
class Sent:
    """A package as it should be."""

    id: str
    title: str
    sender: str
    origin: str
    people: dict[str, tuple[str, bool]]
    """Recipient → his home server when it was sent, and whether he is private."""
    waiting: bool
    here: set[str]
    """Servers that have it."""
    over: set[str] = field(default_factory=set)
    """Servers on which it has ended."""
    on_the_way: str = ""
    """What a relay carries to the other server."""
    ended: bool = False
    """Whether its sender has ended it."""
    told_over: bool = False
    """Whether the other server knows that."""
    gone: set[str] = field(default_factory=set)
    """Recipients who have deleted it for themselves."""

    def open_to(self, who: str, server: str) -> bool:
        """Whether this person may see it on this server."""
        if server not in self.here:
            return False
        if who == self.sender:
            return True
        home, _ = self.people.get(who, ("", False))
        return home == server and not self.waiting and server not in self.over and who not in self.gone


class Packages(RuleBasedStateMachine):
    """What people do with packages, and what comes of it."""

    far: Far

    @initialize()
    def anew(self) -> None:
        self.sent: list[Sent] = []
        self.line_is_up = True
        self.homes = dict(HOMES)
        for server in ("paris", "tokyo"):
            self.at(server, "wipe")
            for login, home in HOMES.items():
                self.at(server, "move", login, home)

    @rule(sender=people, openly=some, private=some, cc=some, later=st.booleans())
    def something_is_sent(self, sender: str, openly: list[str], private: list[str], cc: list[str], later: bool) -> None:
        assume(openly or private)
        title = f"Title {uuid7().hex}"
        server = self.homes[sender]
        facts = self.at(server, "send", sender, title, openly, private, cc, later=later)
        self.note(facts, title, sender, server, waiting=later)

    @rule(which=st.integers(0, 99), sender=people, openly=some, private=some)
    def something_is_forwarded(self, which: int, sender: str, openly: list[str], private: list[str]) -> None:
        assume(openly or private)
        first = self.one(which)
        server, title = self.homes[sender], f"Title {uuid7().hex}"
        may = first.open_to(sender, server) and server not in first.over
        if server not in first.here:
            return
        facts = self.at(server, "forward", sender, first.id, title, openly, private)
        assert (facts is not None) == may
        if facts:
            self.note(facts, title, sender, server, waiting=False)

    @rule(which=st.integers(0, 99))
    def a_relay_departs(self, which: int) -> None:
        package = self.one(which)
        other = "tokyo" if package.origin == "paris" else "paris"
        wanted = other in {home for home, _ in package.people.values()}
        if wanted and other not in package.here and package.origin not in package.over:
            package.on_the_way = self.at(package.origin, "pack", package.id, other)

    @rule(which=st.integers(0, 99))
    def a_relay_arrives(self, which: int) -> None:
        package = self.one(which)
        other = "tokyo" if package.origin == "paris" else "paris"
        if package.on_the_way and other not in package.here:
            taken = self.at(other, "admit", package.on_the_way, package.origin)
            assert taken != package.told_over, "what was recalled does not come back by a relay that is late"
            if taken:
                package.here.add(other)
                package.over.discard(other)

    @rule(which=st.integers(0, 99), how=st.sampled_from(["recalled", "deleted"]))
    def something_is_ended_by_its_sender(self, which: int, how: str) -> None:
        package = self.one(which)
        assert self.at(package.origin, "end", package.id, how) == (package.origin not in package.over)
        package.ended = package.ended or package.origin not in package.over
        package.over.add(package.origin)

    @rule(which=st.integers(0, 99), server=st.sampled_from(["paris", "tokyo"]))
    def something_expires(self, which: int, server: str) -> None:
        package = self.one(which)
        if server in package.here:
            self.at(server, "expire", package.id)
            package.over.add(server)

    @rule(which=st.integers(0, 99))
    def something_is_released(self, which: int) -> None:
        package = self.one(which)
        if package.waiting and package.origin not in package.over and self.line_is_up:
            assert self.at(package.origin, "release", package.id)
            self.tell()
            package.waiting, package.on_the_way = False, ""

    @rule(which=st.integers(0, 99), who=people, place=st.sampled_from(["archive", "delete"]))
    def a_recipient_puts_it_aside(self, which: int, who: str, place: str) -> None:
        package = self.one(which)
        home, _ = package.people.get(who, ("paris", False))
        if home not in package.here:
            return
        may = who in package.people and not package.waiting and home not in package.over and who not in package.gone
        assert self.at(home, "put", who, package.id, place) == may
        if may and place == "delete":
            package.gone.add(who)
            package.over.update(server for server in package.here if package.id in self.at(server, "ended"))

    @rule(who=people, home=st.sampled_from(["paris", "tokyo"]))
    def somebody_moves(self, who: str, home: str) -> None:
        self.homes[who] = home
        for server in ("paris", "tokyo"):
            self.at(server, "move", who, home)

    @rule()
    def the_line_breaks_or_is_mended(self) -> None:
        self.line_is_up = not self.line_is_up

    @invariant()
    def what_is_over_at_the_senders_server_is_soon_over_everywhere(self) -> None:
        if not getattr(self, "sent", None) or not self.line_is_up:
            return
        self.tell()
        for package in self.sent:
            package.told_over = package.told_over or package.ended
        for server in ("paris", "tokyo"):
            ended = set(self.at(server, "ended"))
            for package in self.sent:
                if package.id in ended:
                    package.over.add(server)
                assert server not in package.over or package.id in ended or server not in package.here

    def teardown(self) -> None:
        if getattr(self, "sent", None):
            self.line_is_up = True
            self.what_is_over_at_the_senders_server_is_soon_over_everywhere()
            for server in ("paris", "tokyo"):
                self.look(server)

    def look(self, server: str) -> None:
        """Try everything on one server."""
        titles = {package.id: package.title for package in self.sent}
        found = self.ways(server, "of_all", PEOPLE, titles)
        for package in self.sent:
            for who in PEOPLE:
                # People are logged in at their home server only: at another one not even the sender gets in.
                may = package.open_to(who, server) and self.homes[who] == server
                seen = found[who][package.id]
                assert bool(seen) == may, (server, who, package, seen)
                downloads = [way for way in seen if way.startswith("download")]
                assert len(downloads) == (2 if may and server not in package.over else 0), (server, who, package, seen)
                if may and who != package.sender:
                    self.see_no_private_recipient(server, who, package)
            strangers = [who for who in PEOPLE if who not in {*package.people, package.sender}]
            for who in strangers[-2:]:
                said = 404 if self.homes[who] == server else "log in"
                assert set(self.ways(server, "tampering", who, package.id)) == {said}, (server, who, package)
        opened = self.ways(server, "links")
        for package in self.sent:
            good = package.open_to(EVE, server)
            assert set(opened.get(package.title, [])) == ({"link", "download"} if good else set()), (server, package)

    def see_no_private_recipient(self, server: str, who: str, package: Sent) -> None:
        shown = self.ways(server, "shown_people", who, package.id)
        for other, (_, private) in package.people.items():
            if private and other not in {who, package.sender}:
                assert (f">{other.title()}<" in shown or (other == EVE and EVE in shown)) is False, (
                    server,
                    who,
                    package,
                )

    def note(self, facts: dict[str, Any], title: str, sender: str, server: str, *, waiting: bool) -> None:
        named = {who: (home, private) for who, (home, private) in facts["people"].items()}
        self.sent.append(Sent(facts["package"], title, sender, server, named, waiting, {server}))

    def one(self, which: int) -> Sent:
        assume(self.sent)
        return self.sent[which % len(self.sent)]

    def tell(self) -> None:
        for server in ("paris", "tokyo"):
            self.at(server, "told")

    def at(self, server: str, act: str, *arguments: Any, **more: Any) -> Any:
        return self._run("acts", server, act, arguments, more)

    def ways(self, server: str, way: str, *arguments: Any) -> Any:
        return self._run("ways", server, way, arguments, {})

    def _run(self, module: str, server: str, name: str, arguments: Any, more: dict[str, Any]) -> Any:
        if server == "paris":
            return getattr({"acts": acts, "ways": ways}[module], name)(*arguments, **more)
        code = f"from tests.access import {module}\nresult = {module}.{name}(*{arguments!r}, **{more!r})"
        return self.far.run(code)


@pytest.mark.timeout(120 + 30 * EXAMPLES)
def test_whoever_may_not_see_a_package_finds_no_way_to_it(slave: Any, far: Far) -> None:
    for login, home in HOMES.items():
        make_user(login, servers.this() if home == "paris" else slave)
    assert sync(slave).last_error == ""
    assert User.objects.filter(login__in=PEOPLE).count() == len(PEOPLE)
    machine = type("Machine", (Packages,), {"far": far})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=list(Phase) if EXAMPLES > FEW else [Phase.generate],  # to make it short takes long
            derandomize=EXAMPLES <= FEW,
            database=None,
        ),
    )
