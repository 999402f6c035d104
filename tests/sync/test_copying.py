"""What a slave does with calls that come twice, too late or out of turn."""

from __future__ import annotations

from uuid import uuid4

import pytest

from posthouse.accounts.models import User
from posthouse.cluster.errors import Refusal
from posthouse.cluster.models import Server
from posthouse.lib.ids import uuid7
from posthouse.sync import copying, digest, feed, lines
from posthouse.sync.batches import Batch, Range
from posthouse.sync.models import Received, Stray
from tests.conftest import make_user

FIRST, SECOND, MARK = uuid4(), uuid4(), uuid4()


@pytest.fixture
def rio_leads(transactional_db: None, here: Server, rio: Server) -> Server:
    """Rio, the master of this server, which has everything up to its change 7."""
    Server.objects.filter(pk=here.pk).update(role=Server.Role.SLAVE)
    Server.objects.filter(pk=rio.pk).update(role=Server.Role.MASTER)
    Received.objects.create(master=rio, change=7)
    return rio


def person(login: str) -> str:
    """Return a person's line, as the master sends it."""
    facts = {"id": uuid7().hex, "login": login, "name": "P", "email": "p@example.com", "role": "user", "password": "!"}
    facts |= {"is_active": "1", "home_by_hand": "0", "permissions": "", "time_zone": "", "mails": "every", "rows": "25"}
    return "\t".join([*(facts.get(field, lines.NULL) for field in feed.USERS.fields), ""])


def begin(master: Server, turn: object = FIRST) -> None:
    copying.begin(copying.received(master), turn, MARK, 9, "", anew=False)  # type: ignore[arg-type]


def test_a_batch_that_comes_twice_is_taken_once_and_answered_twice(rio_leads: Server) -> None:
    begin(rio_leads)
    batch = Batch({"users": [person("dora")]}, after=7, upto=8)
    answer = copying.take(batch, rio_leads, FIRST, 0, MARK)
    assert answer == {"added": 1, "changed": 0, "removed": 0}
    User.objects.filter(login="dora").update(name="Dora")
    assert copying.take(batch, rio_leads, FIRST, 0, MARK) == answer
    assert User.objects.get(login="dora").name == "Dora"
    assert Received.objects.get().change == 8


@pytest.mark.parametrize(("turn", "step"), [(SECOND, 0), (FIRST, 1)])
def test_a_batch_out_of_turn_is_refused(rio_leads: Server, turn: object, step: int) -> None:
    begin(rio_leads)
    with pytest.raises(Refusal) as refused:
        copying.take(Batch({"users": [person("eve")]}, after=7, upto=8), rio_leads, turn, step, MARK)  # type: ignore[arg-type]
    assert refused.value.code == "position"
    assert not User.objects.filter(login="eve").exists()


def test_a_batch_of_a_sync_that_another_one_has_followed_is_refused(rio_leads: Server) -> None:
    begin(rio_leads)
    begin(rio_leads, SECOND)
    with pytest.raises(Refusal):
        copying.take(Batch({"users": [person("eve")]}, after=7, upto=8), rio_leads, FIRST, 0, MARK)
    with pytest.raises(Refusal):
        copying.settle(rio_leads, FIRST, 0, 9)
    with pytest.raises(Refusal):
        copying.compare(rio_leads, FIRST, wanted=True)


def test_a_sync_does_not_begin_on_what_the_one_before_has_changed_meanwhile(rio_leads: Server) -> None:
    begin(rio_leads)
    read = copying.received(rio_leads)
    copying.take(Batch({"users": [person("dora")]}, after=7, upto=8), rio_leads, FIRST, 0, MARK)
    with pytest.raises(Refusal) as refused:
        copying.begin(read, SECOND, MARK, 9, "", anew=False)
    assert refused.value.code == "position"
    assert (Received.objects.get().turn, Received.objects.get().change) == (FIRST, 8)


def test_what_the_sync_before_sent_cannot_come_in_while_it_is_looked_whether_all_is_equal(
    rio_leads: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(rio_leads)
    real, refused = digest.fingerprint, []

    def late() -> digest.Fingerprint:
        found = real()
        try:
            copying.take(Batch({"users": [person("eve")]}, after=7, upto=8), rio_leads, FIRST, 0, MARK)
        except Refusal as refusal:
            refused.append(refusal.code)
        return found

    root = real().root
    monkeypatch.setattr(digest, "fingerprint", late)
    _, equal = copying.begin(copying.received(rio_leads), SECOND, MARK, 9, root, anew=False)
    assert equal
    assert refused == ["position"]
    assert Received.objects.get().change == 9
    assert real().root == digest.afresh() == root, "it is true when it is said"


def test_changes_that_do_not_follow_what_is_here_are_refused(rio_leads: Server) -> None:
    begin(rio_leads)
    with pytest.raises(Refusal):
        copying.take(Batch({"users": [person("eve")]}, after=8, upto=9), rio_leads, FIRST, 0, MARK)


@pytest.mark.parametrize("broken", ["", "x", "{}\t", "{}\n", "\t{}"])
def test_a_row_that_is_none_is_refused_and_the_whole_batch_with_it(rio_leads: Server, broken: str) -> None:
    begin(rio_leads)
    rows = {"users": [person("dora"), broken.format(person("eve"))]}
    with pytest.raises(Refusal):
        copying.take(Batch(rows, after=7, upto=8), rio_leads, FIRST, 0, MARK)
    assert not User.objects.filter(local=False).exists()
    assert (Received.objects.get().change, Received.objects.get().step) == (7, 0)


def test_a_full_copy_notes_strays_and_removes_them_only_at_its_end(rio_leads: Server, here: Server) -> None:
    stray = make_user("stray", here)
    local = make_user("boss", here, local=True)
    begin(rio_leads)
    lines_of = sorted([person("dora"), person("eve")])
    copying.take(Batch({"users": lines_of}, kind="users", range=Range("", "", 9)), rio_leads, FIRST, 0, MARK)
    assert [each.key for each in Stray.objects.all()] == [stray.pk]
    assert User.objects.get(pk=stray.pk).removed_at is None

    assert copying.settle(rio_leads, FIRST, 1, 9) == 1
    assert copying.settle(rio_leads, FIRST, 1, 9) == 1, "its answer was lost"
    assert User.objects.get(pk=stray.pk).removed_at is not None
    assert User.objects.get(pk=local.pk).removed_at is None
    assert (Received.objects.get().change, Stray.objects.count()) == (9, 0)
    assert digest.fingerprint().root == digest.afresh()


def test_where_a_full_copy_was_broken_off_is_remembered(rio_leads: Server) -> None:
    begin(rio_leads)
    line = person("dora")
    copying.take(Batch({"users": [line]}, kind="users", range=Range("", line[:32], 9)), rio_leads, FIRST, 0, MARK)
    state, equal = copying.begin(copying.received(rio_leads), SECOND, MARK, 9, digest.fingerprint().root, anew=False)
    assert state.sweep == {"kind": "users", "after": line[:32], "base": 9}
    assert not equal, "half a copy is never OK, whatever its digest"
