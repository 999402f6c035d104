"""OK and OUT OF SYNC over hours, by a clock that the test moves on (R20, R21, R26-R30, D8)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.jobs.models import State
from posthouse.notices import conditions
from posthouse.notices.models import OutgoingMail
from posthouse.sync import automatic, runs
from posthouse.sync.models import Copy, Rhythm, Run
from tests.cluster.far import Far
from tests.conftest import make_user
from tests.sync.clocks import Clocks, moved
from tests.sync.work import copy_of, people, sync, work

LOST, WELL = "tokyo is OUT OF SYNC", "tokyo is in sync again"
HOUR = 3600
OK, OUT = Copy.Status.OK, Copy.Status.OUT_OF_SYNC


@pytest.fixture
def clocks(far: Far) -> Iterator[Clocks]:
    with moved(far) as found:
        yield found


@pytest.fixture
def crowd(slave: Server) -> Server:
    """The slave, never synced; two administrators, and somebody who may not log in any more."""
    for login in ("root", "toor"):
        make_user(login, servers.this(), User.Role.ADMINISTRATOR)
    make_user("gone", servers.this(), User.Role.ADMINISTRATOR, is_active=False)
    make_user("bob", slave)
    return slave


def wait(clocks: Clocks, server: Server, seconds: int, step: int = 10) -> list[str]:
    """Let time pass, as the worker does that looks again and again; return what became of the syncs that it began."""
    ended = []
    for _ in range(0, seconds, step):
        clocks.move(step)
        if automatic.start_due():
            ended.append(str(work(server).state))
    return ended


def mails() -> list[tuple[str, str]]:
    return sorted(OutgoingMail.objects.values_list("to", "subject"))


def to_both(*subjects: str) -> list[tuple[str, str]]:
    return sorted((f"{login}@example.com", subject) for login in ("root", "toor") for subject in subjects)


def lost_on_pages() -> list[str]:
    return [condition.text for condition in conditions.current() if "OUT OF SYNC" in condition.text]


def test_a_new_slave_is_left_alone_until_a_sync_by_hand_has_succeeded(crowd: Server, far: Far, clocks: Clocks) -> None:
    assert copy_of(crowd).status == OUT
    assert wait(clocks, crowd, 24 * HOUR, HOUR) == []
    far.down.add("tokyo.example")
    assert sync(crowd).state == State.FAILED
    assert (copy_of(crowd).status, copy_of(crowd).failures) == (OUT, 0)
    assert wait(clocks, crowd, 24 * HOUR, HOUR) == [], "a sync by hand that failed is none"
    assert lost_on_pages()
    assert mails() == [], "nobody is told by mail of what he has just begun"

    far.down.clear()
    assert sync(crowd).state == State.DONE
    assert copy_of(crowd).status == OK
    assert mails() == lost_on_pages() == []
    assert wait(clocks, crowd, 5 * 60) == [State.DONE] * 5, "once in each interval"


def test_it_is_lost_with_one_failure_more_than_allowed_and_everybody_is_told_once(
    crowd: Server, far: Far, clocks: Clocks
) -> None:
    sync(crowd)
    User.objects.filter(login="bob").update(name="Robert")
    far.down.add("tokyo.example")
    assert wait(clocks, crowd, 5 * 60 - 30) == [State.FAILED] * 5, "the change at once, then once in each interval"
    assert (copy_of(crowd).status, copy_of(crowd).failures) == (OK, 5)
    assert mails() == lost_on_pages() == []

    assert wait(clocks, crowd, 60) == [State.FAILED]
    lost = copy_of(crowd)
    assert lost.status == OUT
    assert mails() == to_both(LOST)
    assert lost_on_pages() == [f"{LOST}. {lost.reason}"]
    text = OutgoingMail.objects.first().text  # type: ignore[union-attr]
    assert f"Server: tokyo, {crowd.address}\n" in text
    assert f"OUT OF SYNC since: {lost.since.day} {lost.since:%B %Y, %H:%M} UTC\n" in text
    assert "Last error: Nothing answers at tokyo.example, port 443." in text

    count = Run.objects.count()
    assert wait(clocks, crowd, 48 * HOUR, HOUR) == [], "automatic syncs do not touch it"
    far.down.clear()
    assert wait(clocks, crowd, HOUR, 60) == [], "not even when it could be reached"
    assert Run.objects.count() == count
    far.down.add("tokyo.example")
    assert sync(crowd).state == State.FAILED
    assert copy_of(crowd).since == lost.since, "it is lost since then, whatever was tried"
    assert mails() == to_both(LOST), "once"


def test_everybody_is_told_once_that_it_is_well_and_anew_when_it_is_lost_again(
    crowd: Server, far: Far, clocks: Clocks
) -> None:
    sync(crowd)
    far.down.add("tokyo.example")
    wait(clocks, crowd, 6 * 60)
    assert copy_of(crowd).status == OUT
    far.down.clear()
    assert sync(crowd).state == State.DONE
    assert mails() == to_both(LOST, WELL)
    assert lost_on_pages() == []
    assert wait(clocks, crowd, 3 * 60) == [State.DONE] * 3
    assert sync(crowd).state == State.DONE
    assert mails() == to_both(LOST, WELL), "once"

    far.down.add("tokyo.example")
    wait(clocks, crowd, 6 * 60)
    assert copy_of(crowd).status == OUT
    assert mails() == to_both(LOST, LOST, WELL)


def test_only_failures_in_a_row_count(crowd: Server, far: Far, clocks: Clocks) -> None:
    sync(crowd)
    for _ in range(3):
        far.down.add("tokyo.example")
        assert wait(clocks, crowd, 5 * 60) == [State.FAILED] * 5
        far.down.clear()
        assert wait(clocks, crowd, 60) == [State.DONE]
        assert (copy_of(crowd).status, copy_of(crowd).failures) == (OK, 0)
    far.down.add("tokyo.example")
    for _ in range(9):
        assert sync(crowd).state == State.FAILED
    assert (copy_of(crowd).status, copy_of(crowd).failures) == (OK, 0), "those by hand do not count"
    assert mails() == []


def test_interval_and_limit_hold_at_once(crowd: Server, far: Far, clocks: Clocks) -> None:
    sync(crowd)
    rhythm = Rhythm.objects.create(interval=300, failures=0)
    assert wait(clocks, crowd, 600 - 10) == [State.DONE]
    Rhythm.objects.filter(pk=rhythm.pk).update(interval=20)
    assert wait(clocks, crowd, 60) == [State.DONE] * 3
    far.down.add("tokyo.example")
    Rhythm.objects.filter(pk=rhythm.pk).update(failures=1)
    assert wait(clocks, crowd, 20) == [State.FAILED]
    assert copy_of(crowd).status == OK
    Rhythm.objects.filter(pk=rhythm.pk).update(failures=0)
    assert wait(clocks, crowd, 20) == [State.FAILED]
    assert copy_of(crowd).status == OUT
    assert mails() == to_both(LOST)


def test_another_version_refuses_the_sync_and_both_versions_are_told(crowd: Server, far: Far, clocks: Clocks) -> None:
    """R8."""
    sync(crowd)
    User.objects.filter(login="bob").update(name="Robert")
    far.run("import posthouse\nposthouse.__version__ = '9.9'")
    try:
        assert wait(clocks, crowd, 6 * 60) == [State.FAILED] * 6
    finally:
        far.run("import posthouse\nposthouse.__version__ = '0.1.0'")
    assert people(far)["bob"][0] == "Bob"
    words = "paris runs version 0.1.0, tokyo runs 9.9. Bring both to the same version."
    assert copy_of(crowd).reason == words
    assert lost_on_pages() == [f"{LOST}. {words}"]
    assert all(f"Last error: {words}" in mail.text for mail in OutgoingMail.objects.all())


def test_a_server_that_was_removed_a_moment_ago_is_not_synced(crowd: Server, far: Far) -> None:
    """Who has looked at the list before it went still holds it."""
    stale = Server.objects.get(pk=crowd.pk)
    servers_left = Server.objects.filter(pk=crowd.pk)
    servers_left.update(removed_at=crowd.created_at)
    Copy.objects.filter(server=crowd).delete()
    with pytest.raises(runs.NotPossible, match="tokyo is not a slave of this server"):
        runs.start(stale)
    assert not Copy.objects.exists()
    assert not Run.objects.exists()
