"""Bytes that go past the page cache are the same bytes, wherever the pieces are cut and whatever the disk can do."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from random import Random

import pytest

from posthouse.store import blobs, direct, parts
from posthouse.store.errors import StoreFull
from posthouse.store.models import Blob
from tests.store.disks import small_disk

pytestmark = pytest.mark.django_db

MIB = 1024 * 1024


@pytest.fixture
def large_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 4 MiB."""
    monkeypatch.setattr(parts, "PART", 4 * MIB)


def pieces_of(data: bytes, seed: int) -> list[bytes]:
    chance, at, cut = Random(seed), 0, []
    while at < len(data):
        size = chance.choice([1, 4095, 4096, 70_000, MIB, 3 * MIB])
        cut.append(data[at : at + size])
        at += size
    return cut


@pytest.mark.usefixtures("large_parts")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [MIB, 4 * MIB, 4 * MIB + 1, 9 * MIB + 4097])
def test_what_was_written_is_what_is_read(size: int, seed: int) -> None:
    data = Random(seed).randbytes(size)
    blob = blobs.create(size)
    for number in reversed(range(parts.part_count(size, blob.part_size))):
        offset, length = parts.span(number, size, blob.part_size)
        with blobs.writer(blob, number, bulk=True) as writer:
            assert (writer._direct is not None) == (length >= direct.BUFFER), "a small rest is not worth it"
            for piece in pieces_of(data[offset : offset + length], seed):
                writer.write(piece)
            writer.finish()
    done = blobs.complete(blob)
    assert b"".join(blobs.read(done)) == data


@pytest.mark.usefixtures("large_parts")
def test_a_part_that_is_flushed_on_the_way_goes_on_the_usual_way() -> None:
    data = Random(1).randbytes(3 * MIB)
    blob = blobs.create(len(data))
    with blobs.writer(blob, 0, bulk=True) as writer:
        writer.write(data[: MIB + 5])
        assert writer.flush() == MIB + 5
        assert blobs.local().length(blob.pk) == MIB + 5, "all of it, not only what fills whole sectors"
        writer.write(data[MIB + 5 :])
        writer.finish()
    assert b"".join(blobs.read(blobs.complete(blob))) == data


@pytest.mark.usefixtures("large_parts")
@pytest.mark.parametrize("refusal", ["open", "open otherwise", "write"])
def test_a_disk_without_direct_writes_gets_them_the_usual_way(refusal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = Random(2).randbytes(2 * MIB)
    blob = blobs.create(len(data))
    if refusal != "write":
        real = os.open

        def without(path: Path, flags: int, *rest: int) -> int:
            if flags & os.O_DIRECT:
                raise OSError(errno.EINVAL if refusal == "open" else errno.EOPNOTSUPP, "No.")
            return real(path, flags, *rest)

        monkeypatch.setattr(os, "open", without)
    else:
        monkeypatch.setattr(direct, "BUFFER", MIB - 1)  # no length that any disk takes
    with blobs.writer(blob, 0, bulk=True) as writer:
        assert (writer._direct is None) == (refusal != "write")
        writer.write(data)
        writer.finish()
    monkeypatch.undo()
    assert b"".join(blobs.read(blobs.complete(blob))) == data


def test_buffers_are_used_again() -> None:
    direct._free.clear()
    blob = blobs.create(2 * MIB)
    for _ in range(3):
        with blobs.writer(blob, 0, bulk=True) as writer:
            writer.write(bytes(10))
            writer.flush()
        assert len(direct._free) == 1


def test_the_buffer_of_a_write_that_was_broken_off_is_nobody_elses() -> None:
    direct._free.clear()
    blob = blobs.create(2 * MIB)
    with blobs.writer(blob, 0, bulk=True) as writer:
        writer.write(bytes(10))
    assert not direct._free, "its thread may not have ended"


def test_a_full_disk_is_told_as_that(tmp_path: Path, settings: object, monkeypatch: pytest.MonkeyPatch) -> None:
    with small_disk(tmp_path / "small", 3 * MIB) as change:
        monkeypatch.setattr(blobs, "local", lambda: blobs.Disk(tmp_path / "small"))
        change(20 * MIB)
        blob = Blob(id=blobs.uuid7(), size=8 * MIB, part_size=16 * MIB, algorithm="blake3")
        blobs.local().create(blob.pk)
        change(3 * MIB)
        with blobs.writer(blob, 0, bulk=True) as writer:
            with pytest.raises(StoreFull):
                writer.write(bytes(8 * MIB))
            with pytest.raises(ValueError, match="has ended"):
                writer.seal()
