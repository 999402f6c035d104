"""A master, two slaves and a network that does its worst: after each sync that succeeds both sides are equal.

Whoever is removed at the master can log in nowhere then. Each server is a whole Posthouse with a database of its own;
when the tests run on PostgreSQL, one slave does, too, and the other one keeps SQLite: the two must agree.
SYNC_EXAMPLES=1000 looks for longer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.contrib.auth.hashers import make_password
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from psycopg import sql

from posthouse.accounts.models import Guard, Membership, User, Workgroup
from posthouse.audit import log as audit
from posthouse.cluster import calls, pairing, servers
from posthouse.cluster.models import Server
from posthouse.jobs import leases
from posthouse.jobs.job import Job
from posthouse.jobs.models import State
from posthouse.sync import feed, holds, runs, sending
from posthouse.sync.models import Copy, Hold, Run
from tests.cluster.far import Far
from tests.sync import plain
from tests.sync.faulty import Fault, Faulty, Killed

FEW = 15
EXAMPLES = int(os.environ.get("SYNC_EXAMPLES", FEW))
LOGINS = ["ann", "Bo", "cy", "dé", "eve", "fay"]
TEXTS = ["A", "Ä\tb", "o'\\n", "雪"]
PASSWORD = "a password of nobody else"
logins, texts = st.sampled_from(LOGINS), st.sampled_from(TEXTS)
slaves = st.sampled_from(["tokyo", "rio"])
faults = st.lists(st.sampled_from(list(Fault)), max_size=6)


class Cluster(RuleBasedStateMachine):
    """What administrators, users and the network do."""

    fars: dict[str, Far]
    network: Faulty
    password: str

    @initialize()
    def anew(self) -> None:
        plain.forget_backups()
        User.objects.all().delete()
        Workgroup.objects.all().delete()
        Run.objects.all().delete()
        Hold.objects.all().delete()
        Copy.objects.update(status=Copy.Status.OUT_OF_SYNC, synced_at=None, acknowledged=0, failures=0, told=None)
        for far in self.fars.values():
            far.run("from tests.sync import plain\nplain.wipe()")
        self.network.plan, self.network.late = iter(()), []
        self.removed: dict[str, tuple[str, str, str]] = {}

    @rule(login=logins, name=texts, home=slaves)
    def somebody_is_made_or_changed(self, login: str, name: str, home: str) -> None:
        user = User.objects.named(login).first() or User(login=login, password=self.password)
        user.name, user.email, user.home = name, f"{login}@x.example", Server.objects.get(name=home)
        user.save()

    @rule(login=logins)
    def somebody_is_removed(self, login: str) -> None:
        for user in User.objects.named(login):
            User.objects.filter(pk=user.pk).update(removed_at=timezone.now(), is_active=False)
            self.removed[user.pk.hex] = (user.pk.hex, user.login, PASSWORD)

    @rule(login=logins)
    def somebody_is_deleted_by_force(self, login: str) -> None:
        for user in User.objects.named(login):
            self.removed[user.pk.hex] = (user.pk.hex, user.login, PASSWORD)
            user.delete()

    @rule(login=logins, active=st.booleans())
    def somebody_is_let_in_or_not(self, login: str, active: bool) -> None:
        User.objects.named(login).update(is_active=active)

    @rule(first=logins, second=logins)
    def two_swap_their_names(self, first: str, second: str) -> None:
        one, other = User.objects.named(first).first(), User.objects.named(second).first()
        if one and other and one != other:
            User.objects.filter(pk=one.pk).update(login="between")
            User.objects.filter(pk=other.pk).update(login=one.login)
            User.objects.filter(pk=one.pk).update(login=other.login)

    @rule(login=logins, group=texts, keeper=st.booleans())
    def somebody_enters_or_leaves_a_workgroup(self, login: str, group: str, keeper: bool) -> None:
        there = Workgroup.objects.filter(name=group, removed_at=None).first()
        workgroup = there or Workgroup.objects.create(name=group)
        user = User.objects.named(login).first()
        if user is not None and not Membership.objects.filter(user=user, workgroup=workgroup).delete()[0]:
            Membership.objects.create(user=user, workgroup=workgroup, is_administrator=keeper)

    @rule(group=texts, name=texts)
    def a_workgroup_is_renamed_or_removed(self, group: str, name: str) -> None:
        workgroup = Workgroup.objects.filter(name=group, removed_at=None).first()
        if workgroup is None:
            return
        if Workgroup.objects.filter(name=name, removed_at=None).exists():
            Membership.objects.filter(workgroup=workgroup).delete()
            Workgroup.objects.filter(pk=workgroup.pk).update(removed_at=timezone.now())
        else:
            Workgroup.objects.filter(pk=workgroup.pk).update(name=name)

    @rule()
    def the_master_is_backed_up(self) -> None:
        plain.back_up()

    @rule()
    def the_master_is_restored(self) -> None:
        plain.restore()
        for user in User.objects.filter(removed_at=None):
            self.removed.pop(user.pk.hex, None)  # he is there again

    @rule(slave=slaves, login=logins)
    def a_copy_goes_astray(self, slave: str, login: str) -> None:
        code = (
            "from posthouse.accounts.models import User\nUser.objects.filter(login={!r}).update(role='administrator')"
        )
        self.fars[slave].run(code.format(login))

    @rule(slave=slaves, login=logins)
    def a_copy_loses_somebody(self, slave: str, login: str) -> None:
        self.fars[slave].run(
            f"from posthouse.accounts.models import User\nUser.objects.filter(login={login!r}).delete()"
        )

    @rule(slave=slaves, login=logins)
    def a_copy_gets_somebody_who_is_nobody(self, slave: str, login: str) -> None:
        self.fars[slave].run(
            "from posthouse.accounts.models import User\n"
            f"if not User.objects.named({login!r}).exists():\n"
            f"    User.objects.create(login={login!r}, name='X', email='x@x.example', password='!')"
        )

    @rule(slave=slaves)
    def a_slave_is_backed_up(self, slave: str) -> None:
        self.fars[slave].run("from tests.sync import plain\nplain.back_up()")

    @rule(slave=slaves)
    def a_slave_is_restored(self, slave: str) -> None:
        self.fars[slave].run("from tests.sync import plain\nresult = plain.restore()")

    @rule(slave=slaves, kind=st.sampled_from(Run.Kind.values))
    def a_sync_succeeds(self, slave: str, kind: str) -> None:
        run = self._sync(slave, kind)
        hold = Hold.objects.filter(server__name=slave, cause=Hold.Cause.HISTORY).first()
        if kind == Run.Kind.MANUAL and hold is not None:
            assert run.last_error.startswith("The database of paris seems to be older")
            assert holds.approve(hold, hold.question, audit.SERVER)
            run = self._sync(slave, kind)
        if kind == Run.Kind.MANUAL:
            assert (run.state, run.last_error) == (State.DONE, "")
        if run.state == State.DONE:
            self._check(slave)

    @rule(slave=slaves, kind=st.sampled_from(Run.Kind.values), plan=faults, statements=st.integers(1, 30))
    def a_sync_meets_faults(self, slave: str, kind: str, plan: list[Fault], statements: int) -> None:
        self.network.plan, self.network.statements, self.network.edited = iter(plan), statements, False
        self.network.edit = lambda: self.somebody_is_made_or_changed(LOGINS[0], TEXTS[len(plan) % 4], slave)
        run = self._sync(slave, kind)
        self.network.plan = iter(())
        if run.state == State.DONE and not self.network.edited:
            self._check(slave)

    def teardown(self) -> None:
        for slave in self.fars:
            self.a_sync_succeeds(slave, Run.Kind.MANUAL)
        plain.forget_backups()

    def _sync(self, slave: str, kind: str) -> Run:
        """Do a sync as the worker does; if this server is killed in the middle, another worker goes on with it."""
        server = Server.objects.get(name=slave)
        row = runs.start(server, kind)
        while (claimed := leases.claim(Run.objects.filter(pk=row.pk), "test")) is not None:
            try:
                runs.run(Job(claimed))
            except Killed:
                leases.take_back(Run, "test")
                Run.objects.filter(pk=row.pk).update(next_try_at=None, state=State.QUEUED)
            else:
                break
        row.refresh_from_db()
        return row

    def _check(self, slave: str) -> None:
        here: Any = plain.rows()
        there = self.fars[slave].run("from tests.sync import plain\nresult = plain.rows()")
        for name, rows in here.items():
            assert there[name] == rows, name
        gone = list(self.removed.values())[-2:]
        code = f"from tests.sync import plain\nresult = plain.who_gets_in({gone!r})"
        assert self.fars[slave].run(code) == []


@pytest.fixture
def rio_process() -> Iterator[Far]:
    """A second slave, on the kind of database that the tests run on."""
    url = os.environ.get("POSTHOUSE_TEST_DATABASE_URL")
    if not url:
        far = Far("rio")
        yield far
        far.close()
        return
    name = f"posthouse_rio_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        far = Far("rio", url.rpartition("/")[0] + f"/{name}")
        yield far
        far.close()
        database.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.mark.timeout(180 + 20 * EXAMPLES)
def test_after_every_sync_that_succeeds_both_sides_are_equal(
    far: Far, rio_process: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "BATCH_ROWS", 2)  # so that a few people are several batches
    monkeypatch.setattr(sending, "FEW_BUCKETS", 3)  # and that some comparisons send everything
    network = Faulty([far, rio_process])
    servers.ensure_this()
    Guard.objects.create(share=100, minimum=1000)
    with calls.through(network):
        for each in (far, rio_process):
            if each is rio_process:
                each.run(
                    "from posthouse.accounts.models import User\n"
                    "from posthouse.cluster import servers\n"
                    "user = User(login='boss', name='boss', email='b@x.example', role='administrator')\n"
                    "user.home = servers.this()\n"
                    "user.set_password('correct horse battery')\n"
                    "user.save()\n"
                )
            each.run("from posthouse.cluster import pairing\npairing.convert('paris.example')")
            pairing.add(each.name, f"{each.name}.example")
        machine = type("Machine", (Cluster,), {})
        machine.fars = {"tokyo": far, "rio": rio_process}
        machine.network = network
        machine.password = make_password(PASSWORD)
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                phases=list(Phase) if EXAMPLES > FEW else [Phase.generate],  # to make it short takes long
                derandomize=EXAMPLES <= FEW,
                database=None,
            ),
        )
