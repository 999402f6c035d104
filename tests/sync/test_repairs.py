"""A copy that differs in any way is noticed, set right, and the history says so; nothing else is sent (D9)."""

from __future__ import annotations

import pytest

from posthouse.accounts.models import Membership, User, Workgroup
from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.jobs.models import State
from posthouse.sync import digest, feed
from posthouse.sync.models import Change, Copy, Counter, Run
from tests.cluster.far import Far
from tests.conftest import make_user
from tests.sync.test_runs import DIGEST
from tests.sync.work import people, sync

IMPORTS = (
    "from posthouse.accounts.models import Membership, User, Workgroup\n"
    "from posthouse.cluster.models import Server\n"
    "from posthouse.sync.models import Received\n"
    "bob, press, law = User.objects.get(login='bob'), *Workgroup.objects.order_by('name')\n"
)
DAMAGE = {
    "a person is missing": "User.objects.filter(pk=bob.pk).delete()",
    "a person is removed": "User.objects.filter(pk=bob.pk).update(removed_at='2020-01-01T00:00Z')",
    "a person too many": "User.objects.create(login='eve', name='Eve', email='e@x.example')",
    "a person is promoted": "User.objects.filter(pk=bob.pk).update(role='administrator')",
    "a password was changed": "User.objects.filter(pk=bob.pk).update(password='!')",
    "a name was taken": (
        "User.objects.filter(pk=bob.pk).update(login='robert')\n"
        "User.objects.create(login='BOB', name='Eve', email='e@x.example')"
    ),
    "a membership is missing": "Membership.objects.filter(user=bob).first().delete()",
    "all memberships are missing": "Membership.objects.all().delete()",
    "a membership too many": "Membership.objects.create(user=User.objects.get(login='alice'), workgroup=law)",
    "a member was promoted": "Membership.objects.filter(user=bob).update(is_administrator=True)",
    "a workgroup is missing": "Workgroup.objects.filter(pk=press.pk).delete()",
    "a workgroup was renamed": "Workgroup.objects.filter(pk=press.pk).update(name='Stress')",
    "a server was renamed": "Server.objects.filter(role='master').update(name='praha')",
    "a key was exchanged": "Server.objects.filter(role='master').update(keys=['A' * 43 + '='])",
}


@pytest.fixture
def crowd(slave: Server) -> Server:
    """The slave, equal to the master: Alice and Bob, who is in two workgroups."""
    make_user("alice", servers.this())
    bob = make_user("bob", slave)
    for name in ("Law", "Press"):
        Membership.objects.create(user=bob, workgroup=Workgroup.objects.create(name=name))
    assert sync(slave).state == State.DONE
    return slave


@pytest.mark.parametrize("damage", [code for name, code in DAMAGE.items() if "key" not in name], ids=str)
def test_any_damage_is_found_set_right_and_told(crowd: Server, far: Far, damage: str) -> None:
    far.run(IMPORTS + damage)
    assert far.run(DIGEST) != digest.afresh()
    row = sync(crowd, Run.Kind.AUTOMATIC)

    assert (row.state, row.last_error, row.repaired) == (State.DONE, "", True)
    assert 1 <= row.buckets <= row.mended + 1 <= 5
    assert far.run(DIGEST) == digest.fingerprint().root == digest.afresh()


def test_damage_that_no_trigger_saw_is_found_by_a_sync_by_hand(crowd: Server, far: Far) -> None:
    far.run(
        "from django.db import transaction\nfrom posthouse.sync import triggers\n"
        "from posthouse.accounts.models import User\n"
        "with transaction.atomic(), triggers.quiet():\n"
        "    User.objects.filter(login='bob').update(role='administrator')"
    )
    assert not sync(crowd, Run.Kind.AUTOMATIC).repaired
    row = sync(crowd)
    assert (row.repaired, row.buckets, row.mended, row.changed) == (True, 1, 1, 1)


def test_nothing_changed_is_one_small_call(crowd: Server, far: Far) -> None:
    far.sent.clear()
    row = sync(crowd, Run.Kind.AUTOMATIC)
    assert (row.state, [path.rpartition("/")[2] for path in far.sent]) == (State.DONE, ["state"])


def test_one_change_is_two_calls(crowd: Server, far: Far) -> None:
    far.sent.clear()
    User.objects.filter(login="bob").update(name="Robert")
    row = sync(crowd, Run.Kind.AUTOMATIC)
    assert [path.partition("?")[0].rpartition("/")[2] for path in far.sent] == ["state", "batch"]
    assert (row.sent, row.changed, row.repaired) == (1, 1, False)


def test_a_new_and_an_ended_membership_travel_with_the_person(crowd: Server, far: Far) -> None:
    law = Workgroup.objects.get(name="Law")
    Membership.objects.create(user=User.objects.get(login="alice"), workgroup=law, is_administrator=True)
    Membership.objects.filter(user__login="bob", workgroup=law).delete()
    row = sync(crowd, Run.Kind.AUTOMATIC)
    assert (row.sent, row.changed, row.repaired) == (2, 2, False)
    code = (
        "from posthouse.accounts.models import Membership\n"
        "result = sorted([m.user.login, m.workgroup.name, m.is_administrator] for m in Membership.objects.all())"
    )
    assert far.run(code) == [["alice", "Law", True], ["bob", "Press", False]]


def test_a_slave_that_missed_what_is_not_listed_any_more_loses_no_delete(crowd: Server, far: Far) -> None:
    User.objects.filter(login="bob").delete()
    Membership.objects.all().delete()
    make_user("carla", crowd)
    Change.objects.all().delete()
    Counter.objects.update(floor=feed.counter())
    row = sync(crowd, Run.Kind.AUTOMATIC)

    assert (row.state, row.repaired, row.added, row.removed) == (State.DONE, False, 1, 1), "late, but not astray"
    assert {"alice", "carla"} <= set(people(far))
    assert "bob" not in people(far)
    assert far.run(DIGEST) == digest.afresh()


def test_the_list_is_shortened_up_to_what_every_slave_has_and_not_at_once(crowd: Server) -> None:
    digest.fingerprint()
    assert feed.compact() == 0, "a sync that is under way may need it"
    listed = Change.objects.count()
    User.objects.filter(login="bob").update(name="Robert")
    acknowledged = Copy.objects.get(server=crowd).acknowledged
    feed.compact()
    feed.compact()
    assert 0 < Change.objects.count() < listed
    assert feed.reaches(acknowledged)
    row = sync(crowd, Run.Kind.AUTOMATIC)
    assert (row.sent, row.changed, row.repaired) == (1, 1, False)


def test_a_list_that_grows_too_long_waits_for_no_slave(crowd: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "LISTED", 3)
    for n in range(8):
        make_user(f"u{n}", crowd)
    feed.compact()
    assert Change.objects.count() == 3
    assert not feed.reaches(Copy.objects.get(server=crowd).acknowledged)
    row = sync(crowd, Run.Kind.AUTOMATIC)
    assert (row.state, row.added, row.repaired) == (State.DONE, 8, False)
