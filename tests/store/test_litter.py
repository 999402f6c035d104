"""Files that a killed process left in the store go by themselves, and no others do."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from posthouse.lib.ids import uuid7
from posthouse.store import blobs, litter
from posthouse.store.disk import FOLDERS
from posthouse.store.litter import Sweep
from posthouse.store.models import Blob

DAY = 24 * 3600
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def store(settings: Any, tmp_path: Path) -> None:
    """A store of its own: here the files of other tests would count."""
    settings.POSTHOUSE = settings.POSTHOUSE.model_copy(update={"store_dir": tmp_path})


def leave(contents: bytes = b"", age: float = 2 * DAY) -> UUID:
    """Leave a file behind that nobody knows."""
    blob = uuid7()
    blobs.local().create(blob)
    blobs.local().path(blob).write_bytes(contents)
    grow_old(blob, age)
    return blob


def known(contents: bytes = b"abc") -> Blob:
    """Make a blob with its file, long ago."""
    blob = blobs.create(len(contents))
    with blobs.writer(blob, 0) as writer:
        writer.write(contents)
        writer.finish()
    grow_old(blob.id, 2 * DAY)
    return blob


def grow_old(blob: UUID, age: float) -> None:
    then = time.time() - age
    os.utime(blobs.local().path(blob), (then, then))


def is_there(blob: UUID) -> bool:
    return blobs.local().path(blob).exists()


def a_round() -> int:
    sweep = Sweep()
    return sum(sweep.step() for _ in range(FOLDERS))


def test_old_files_that_no_record_knows_go_and_all_others_stay() -> None:
    kept = known()
    waits = blobs.create(10)  # nothing of it came yet
    grow_old(waits.id, 2 * DAY)
    empty, full = leave(), leave(b"deleted, but for its bytes")
    assert a_round() == 2
    assert not is_there(empty)
    assert not is_there(full)
    assert b"".join(blobs.read(kept)) == b"abc"
    assert is_there(waits.id)
    assert a_round() == 0


def test_young_files_stay_for_somebody_may_be_about_to_record_them() -> None:
    known()
    young = [leave(age=DAY - 600), leave(b"abc", age=DAY - 600)]
    assert a_round() == 0
    assert all(map(is_there, young))


def test_contents_stay_when_most_of_the_store_is_unknown() -> None:
    """Somebody has named the wrong database, or brought back an old one."""
    known()
    full, empty = [leave(b"abc"), leave(b"def")], leave()
    assert a_round() == 1
    assert all(map(is_there, full))
    assert not is_there(empty)


def test_what_was_recorded_meanwhile_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    known()
    full = leave(b"abc")
    sweep = Sweep()
    for _ in range(FOLDERS - 1):
        sweep.step()
    Blob.objects.create(id=full, size=3, part_size=16, algorithm="blake3")
    sweep.step()
    assert is_there(full)


def test_a_round_removes_a_bounded_number_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litter, "MOST", 2)
    for _ in range(4):
        known()
    for _ in range(3):
        leave(b"abc")
    assert [a_round(), a_round(), a_round()] == [2, 1, 0]


def test_other_peoples_files_are_not_touched() -> None:
    known()
    blob = leave(b"abc")
    other = blobs.local().path(blob).with_name("lost+found")
    other.write_bytes(b"")
    os.utime(other, (0, 0))
    a_round()
    assert other.exists()
