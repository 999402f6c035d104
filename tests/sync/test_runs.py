"""A slave is brought to the state of the master, whatever happens on the way, and that is proven (R20-R30, D8, D9)."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.cluster import pairing, servers, testing
from posthouse.cluster.models import Server
from posthouse.jobs.models import State
from posthouse.sync import automatic, digest, feed, runs, sending
from posthouse.sync.models import Copy, Rhythm, Run
from posthouse.sync.shared import SHARED
from tests.cluster.far import Far
from tests.conftest import PASSWORD, make_user
from tests.sync.work import ALL, copy_of, people, sync

DIGEST = "from posthouse.sync import digest\nresult = digest.afresh()"
CHANGE = "from posthouse.sync.models import Received\nresult = Received.objects.get().change"


def test_the_first_sync_copies_everything_and_ends_in_ok(crowd: Server, far: Far) -> None:
    row = sync(crowd)

    assert (row.state, row.last_error) == (State.DONE, "")
    assert people(far) == {
        "alice": ["Alice", True, False, False, "paris"],
        "bob": ["Bob", True, False, False, "tokyo"],
        "boss": ["boss", True, True, False, "tokyo"],
    }
    assert (copy_of(crowd).status, copy_of(crowd).acknowledged) == (Copy.Status.OK, feed.counter())
    assert (row.added, row.removed, row.repaired) == (2, 1, False)
    assert row.sent == row.total == 4
    assert row.bytes > 0


def test_a_slave_without_a_licence_says_so(crowd: Server, far: Far) -> None:
    """R1."""
    far.run(
        "from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey\n"
        "from django.conf import settings\nfrom posthouse.licensing import tokens\n"
        "settings.POSTHOUSE.licence_issuer = tokens.text_of(Ed25519PrivateKey.generate().public_key())"
    )
    try:
        row = sync(crowd)
        lines = {line.name: line for line in testing.test(crowd)}
    finally:
        far.run("from django.conf import settings\nsettings.POSTHOUSE.licence_issuer = None")
    assert row.state == State.FAILED
    assert "tokyo has no licence" in row.last_error
    assert not lines["Licence"].ok
    assert "tokyo has no licence" in lines["Licence"].result
    assert sync(crowd).state == State.DONE


def test_accounts_that_the_master_does_not_have_are_removed_softly_and_cannot_log_in(crowd: Server, far: Far) -> None:
    sync(crowd)
    assert ["ken", "ken", False, False, True, "tokyo"] in far.run(ALL)


def test_passwords_of_the_master_hold_on_the_slave(crowd: Server, far: Far) -> None:
    sync(crowd)
    code = "from posthouse.accounts.models import User\nresult = User.objects.get(login='bob').check_password('{}')"
    assert far.run(code.format(PASSWORD))


def test_a_login_that_an_old_account_has_goes_to_the_masters(slave: Server, far: Far) -> None:
    make_user("KEN", slave)
    sync(slave)
    assert [[*row[:2], row[4]] for row in far.run(ALL) if row[0].lower() == "ken"] == [
        ["KEN", "Ken", False],
        ["ken", "ken", True],
    ]


def test_a_login_that_a_local_account_has_belongs_to_both(slave: Server, far: Far) -> None:
    make_user("boss", slave)
    sync(slave)
    assert sorted((row[0], row[3]) for row in far.run(ALL) if row[0] == "boss") == [("boss", False), ("boss", True)]


def test_later_syncs_carry_changes_only(crowd: Server, far: Far) -> None:
    sync(crowd)
    User.objects.filter(login="bob").update(name="Robert")
    row = sync(crowd, Run.Kind.AUTOMATIC)

    assert (row.total, row.added, row.changed, row.removed) == (1, 0, 1, 0)
    assert people(far)["bob"][0] == "Robert"


def test_renames_even_in_a_circle_arrive(crowd: Server, far: Far) -> None:
    sync(crowd)
    alice, bob = User.objects.get(login="alice"), User.objects.get(login="bob")
    User.objects.filter(pk=alice.pk).update(login="someone")
    User.objects.filter(pk=bob.pk).update(login="alice")
    User.objects.filter(pk=alice.pk).update(login="bob")
    row = sync(crowd)

    assert (row.state, row.changed) == (State.DONE, 2)
    assert (people(far)["alice"][0], people(far)["bob"][0]) == ("Bob", "Alice")


def test_renames_arrive_even_when_they_come_in_different_batches(
    crowd: Server, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(crowd)
    alice, bob = User.objects.get(login="alice"), User.objects.get(login="bob")
    User.objects.filter(pk=alice.pk).update(login="someone")
    User.objects.filter(pk=bob.pk).update(login="alice")
    User.objects.filter(pk=alice.pk).update(name="Alice A.")
    monkeypatch.setattr(feed, "BATCH_ROWS", 1)
    row = sync(crowd)

    assert (row.state, row.repaired) == (State.DONE, False)
    assert (people(far)["alice"][0], people(far)["someone"][0]) == ("Bob", "Alice A.")


def test_a_deactivated_user_is_so_on_the_slave(crowd: Server, far: Far) -> None:
    sync(crowd)
    User.objects.filter(login="bob").update(is_active=False)
    sync(crowd)
    assert people(far)["bob"][1] is False


def test_a_removed_user_is_so_on_the_slave(crowd: Server, far: Far) -> None:
    sync(crowd)
    User.objects.filter(login="bob").update(removed_at=timezone.now(), is_active=False)
    row = sync(crowd)
    assert row.removed == 1
    assert "bob" not in people(far)


def test_a_row_deleted_by_force_is_noticed_and_removed(crowd: Server, far: Far) -> None:
    sync(crowd)
    User.objects.filter(login="bob").delete()
    row = sync(crowd, Run.Kind.AUTOMATIC)
    assert (row.state, row.repaired, row.removed) == (State.DONE, False, 1)
    assert "bob" not in people(far)


def test_a_copy_that_went_astray_is_noticed_repaired_and_written_down(crowd: Server, far: Far) -> None:
    sync(crowd)
    far.run("from posthouse.accounts.models import User\nUser.objects.filter(login='bob').update(role='administrator')")
    row = sync(crowd, Run.Kind.AUTOMATIC)

    assert (row.state, row.repaired, row.changed) == (State.DONE, True, 1)
    assert (row.buckets, row.mended) == (1, 1)
    assert far.run(DIGEST) == digest.fingerprint().root == digest.afresh()


def test_many_accounts_come_in_several_batches(crowd: Server, far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    User.objects.bulk_create(
        [User(login=f"u{n}", name="U", email="u@example.com", password="!", home=crowd) for n in range(25)]
    )
    monkeypatch.setattr(feed, "BATCH_ROWS", 10)
    row = sync(crowd)

    assert (row.state, row.added, row.sent) == (State.DONE, 27, 29)
    assert sum("sync/batch" in path for path in far.sent) == len(SHARED) - 1 + 3, (
        "one for each kind, but three for users"
    )
    assert far.run(CHANGE) == feed.counter()


def test_an_answer_that_is_lost_makes_no_difference(crowd: Server, far: Far) -> None:
    far.cut = {"sync/state", "sync/batch", "sync/finish"}
    row = sync(crowd)
    assert row.state == State.DONE
    assert copy_of(crowd).status == Copy.Status.OK


def test_a_sync_that_was_interrupted_goes_on_where_it_was(
    crowd: Server, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(6):
        make_user(f"u{n}", crowd)
    monkeypatch.setattr(feed, "BATCH_ROWS", 2)
    real, batches_sent = sending.call, []

    def breaking(server: Server, method: str, path: str, **content: Any) -> Any:
        if path == "sync/batch":
            batches_sent.append(path)
            if len(batches_sent) == 3:
                far.down.add("tokyo.example")
        return real(server, method, path, **content)

    with monkeypatch.context() as patch:
        patch.setattr(sending, "call", breaking)
        broken = sync(crowd)
    assert broken.state == State.FAILED
    assert broken.last_error.startswith("Nothing answers at tokyo.example")
    assert copy_of(crowd).status == Copy.Status.OUT_OF_SYNC
    assert copy_of(crowd).reason == broken.last_error

    far.down.clear()
    row = sync(crowd)
    assert row.state == State.DONE
    assert row.total < 10
    assert len(people(far)) == 9


def test_a_copy_whose_number_is_wrong_is_compared(crowd: Server, far: Far) -> None:
    sync(crowd)
    far.run("from posthouse.sync.models import Received\nReceived.objects.update(change=10**6)")
    row = sync(crowd)
    assert row.state == State.DONE
    assert far.run(CHANGE) == feed.counter()


def test_another_version_is_refused_with_both_versions(crowd: Server, far: Far) -> None:
    far.run("import posthouse\nposthouse.__version__ = '9.9'")
    try:
        row = sync(crowd)
    finally:
        far.run("import posthouse\nposthouse.__version__ = '0.1.0'")
    assert row.state == State.FAILED
    assert row.last_error == "paris runs version 0.1.0, tokyo runs 9.9. Bring both to the same version."


def test_a_slave_of_another_master_refuses(crowd: Server, far: Far) -> None:
    far.run("from posthouse.sync.models import Received\nReceived.objects.all().delete()")
    assert "slave of another master" in sync(crowd).last_error
    far.run("from posthouse.cluster import pairing\npairing.reset()")
    assert sync(crowd).last_error.startswith("paris was removed from this cluster")


def test_after_more_failures_than_allowed_the_slave_is_out_of_sync(crowd: Server, far: Far) -> None:
    sync(crowd)
    far.down.add("tokyo.example")
    for failures in range(1, 6):
        sync(crowd, Run.Kind.AUTOMATIC)
        assert (copy_of(crowd).status, copy_of(crowd).failures) == (Copy.Status.OK, failures)
    sync(crowd, Run.Kind.AUTOMATIC)
    lost = copy_of(crowd)
    assert lost.status == Copy.Status.OUT_OF_SYNC
    assert lost.reason.startswith("Nothing answers")

    assert automatic.start_due() == 0, "only a sync by hand brings it back (R21)"
    far.down.clear()
    sync(crowd)
    assert (copy_of(crowd).status, copy_of(crowd).failures, copy_of(crowd).reason) == (Copy.Status.OK, 0, "")


def test_automatic_syncs_follow_changes_and_the_interval(crowd: Server, far: Far) -> None:
    assert automatic.start_due() == 0, "a new slave is not synced by itself (R20)"
    sync(crowd)
    assert automatic.start_due() == 0
    User.objects.filter(login="bob").update(name="Robert")
    assert automatic.start_due() == 1
    assert automatic.start_due() == 0, "one at a time"
    row = Run.objects.get(state=State.QUEUED)
    assert row.kind == Run.Kind.AUTOMATIC
    Run.objects.filter(pk=row.pk).update(state=State.FAILED)
    Copy.objects.update(failures=1)
    assert automatic.start_due() == 0, "after a failure it waits for the interval"
    Rhythm.objects.create(interval=0, failures=5)
    assert automatic.start_due() == 1


def test_idle_automatic_syncs_do_not_fill_the_history(crowd: Server, far: Far) -> None:
    first = sync(crowd)
    sync(crowd, Run.Kind.AUTOMATIC)
    last = sync(crowd, Run.Kind.AUTOMATIC)
    assert set(Run.objects.values_list("pk", flat=True)) == {first.pk, last.pk}


def test_a_sync_that_is_under_way_is_not_started_twice(crowd: Server) -> None:
    automatic_run = runs.start(crowd, Run.Kind.AUTOMATIC)
    by_hand = runs.start(crowd)
    assert by_hand.pk == automatic_run.pk
    assert by_hand.kind == Run.Kind.MANUAL


def test_only_the_master_syncs_and_only_its_slaves(crowd: Server, far: Far) -> None:
    with pytest.raises(runs.NotPossible, match="is not a slave"):
        runs.start(servers.this())
    with pytest.raises(RuntimeError, match="tokyo is not the master"):
        far.run("from posthouse.cluster import servers\nfrom posthouse.sync import runs\nruns.start(servers.master())")


def test_a_removed_server_ends_its_syncs(crowd: Server) -> None:
    row = runs.start(crowd)
    pairing.remove(crowd)
    row.refresh_from_db()
    assert (row.state, row.last_error) == (State.FAILED, "tokyo was removed from the cluster.")
    with pytest.raises(runs.NotPossible, match="is not the master"):
        runs.start(crowd)
