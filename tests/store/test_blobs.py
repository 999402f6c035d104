"""Blobs: written part by part in any order, complete once, read from any byte on."""

from __future__ import annotations

import errno
import os
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from blake3 import blake3
from django.db import transaction

from posthouse.store import blobs, digests, disk
from posthouse.store.errors import (
    BlobMissing,
    DigestMismatch,
    PartsMissing,
    StoreBroken,
    StoreFull,
    StoreMissing,
    StoreReadOnly,
    in_words,
)
from posthouse.store.models import Blob, Part

PART = 64 * 1024
DATA = os.urandom(3 * PART + 100)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("small_parts")]


def piece(number: int) -> bytes:
    return DATA[number * PART : (number + 1) * PART]


def write(blob: Blob, number: int, data: bytes | None = None) -> Part:
    with blobs.writer(blob, number) as writer:
        writer.write(piece(number) if data is None else data)
        return writer.finish()


def whole() -> Blob:
    blob = blobs.create(len(DATA))
    for number in range(4):
        write(blob, number)
    return blobs.complete(blob)


def test_parts_may_come_in_any_order() -> None:
    blob = blobs.create(len(DATA))
    for number in (3, 0, 2, 1):
        part = write(blob, number)
        assert bytes(part.digest) == blake3(piece(number)).digest()
        assert part.crc32 == zlib.crc32(piece(number))
    assert blobs.have(blob) == {0, 1, 2, 3}
    blob = blobs.complete(blob)
    assert blob.state == Blob.State.COMPLETE
    assert blob.crc32 == zlib.crc32(DATA)
    assert bytes(blob.digest) == digests.of_parts("blake3", [blake3(piece(number)).digest() for number in range(4)])
    assert b"".join(blobs.read(blob)) == DATA
    assert blobs.path(blob).read_bytes() == DATA


@pytest.mark.parametrize("at", [0, 1, PART - 1])
def test_a_part_goes_on_inside_from_what_was_flushed(at: int) -> None:
    blob = blobs.create(len(DATA))
    with blobs.writer(blob, 1) as writer:
        writer.write(piece(1)[:at])
        assert writer.flush() == at
        writer.write(b"never flushed"[: PART - at])
    with blobs.writer(blob, 1, at=at) as writer:
        writer.write(piece(1)[at:])
        part = writer.finish(blake3(piece(1)).digest())
    assert part.crc32 == zlib.crc32(piece(1))


def test_going_on_reads_back_no_more_than_the_part() -> None:
    blob = blobs.create(len(DATA))
    write(blob, 0)
    with blobs.writer(blob, 1) as writer:
        writer.write(piece(1)[:10])
        writer.flush()
    descriptor = blobs.local().open(blob.id, write=True)
    disk.write_at(descriptor, [b"?" * PART], 0)  # whatever lies before the part is not looked at
    os.close(descriptor)
    with blobs.writer(blob, 1, at=10) as writer:
        writer.write(piece(1)[10:])
        writer.finish(blake3(piece(1)).digest())


def test_a_damaged_part_is_refused_and_not_recorded() -> None:
    blob = blobs.create(len(DATA))
    with blobs.writer(blob, 2) as writer:
        writer.write(piece(2)[:-1] + b"?" if piece(2)[-1:] != b"?" else piece(2)[:-1] + b"!")
        with pytest.raises(DigestMismatch, match="Part 2 arrived damaged"):
            writer.finish(blake3(piece(2)).digest())
    assert blobs.have(blob) == set()
    assert write(blob, 2).number == 2


def test_a_part_that_comes_twice_is_recorded_once() -> None:
    blob = blobs.create(len(DATA))
    assert write(blob, 0).pk == write(blob, 0).pk
    assert Part.objects.count() == 1


def test_a_blob_with_gaps_names_them() -> None:
    blob = blobs.create(len(DATA))
    write(blob, 2)
    with pytest.raises(PartsMissing, match="part 0 to 1, 3 has not arrived") as refusal:
        blobs.complete(blob)
    assert refusal.value.ranges == [(0, 1), (3, 3)]
    assert refusal.value.kind == "temporary"


def test_completing_again_changes_nothing() -> None:
    blob = whole()
    assert bytes(blobs.complete(blob).digest) == bytes(blob.digest)


def test_a_part_takes_no_more_bytes_than_it_has() -> None:
    blob = blobs.create(10)
    with blobs.writer(blob, 0) as writer:
        with pytest.raises(ValueError, match="More bytes"):
            writer.write(b"01234567890")
        with pytest.raises(ValueError, match="has 0 of its 10 bytes"):
            writer.finish()
    with pytest.raises(ValueError, match="has ended"):
        writer.write(b"x")


def test_parts_and_places_that_are_not_there_are_refused() -> None:
    blob = blobs.create(10)
    for number, at in ((1, 0), (-1, 0), (0, 11), (0, -1)):
        with pytest.raises(ValueError, match=r"no part|cannot go on"):
            blobs.writer(blob, number, at)


@pytest.mark.parametrize(
    ("start", "length"),
    [(0, None), (0, 0), (5, 10), (PART - 1, 2), (len(DATA) - 1, 100), (len(DATA), None), (len(DATA) + 5, 5)],
)
def test_reading_any_range_gives_those_bytes(start: int, length: int | None) -> None:
    end = len(DATA) if length is None else start + length
    assert b"".join(blobs.read(whole(), start, length)) == DATA[start:end]


def test_an_empty_blob_is_complete_at_once() -> None:
    blob = blobs.create(0)
    assert blob.state == Blob.State.COMPLETE
    assert bytes(blob.digest) == blake3(b"").digest()
    assert list(blobs.read(blob)) == []
    assert blobs.path(blob) is None
    assert blobs.complete(blob).crc32 == 0


def test_bytes_of_a_deleted_blob_go_when_the_transaction_is_over(django_capture_on_commit_callbacks) -> None:
    blob = whole()
    where = blobs.path(blob)
    with django_capture_on_commit_callbacks(execute=True):
        with transaction.atomic():
            blobs.delete(blob)
        assert where.exists(), "the transaction might still fail"
    assert not where.exists()
    assert not Part.objects.exists()


def test_bytes_that_vanished_are_missed_not_made_up() -> None:
    blob = whole()
    os.truncate(blobs.path(blob), 10)
    with pytest.raises(BlobMissing):
        list(blobs.read(blob))
    blobs.path(blob).unlink()
    with pytest.raises(BlobMissing):
        list(blobs.read(blob))


def test_acknowledged_bytes_that_vanished_stop_the_part() -> None:
    blob = blobs.create(len(DATA))
    with pytest.raises(BlobMissing, match="lost bytes of part 1"):
        blobs.writer(blob, 1, at=5)


def test_a_file_larger_than_the_room_is_refused_at_the_start() -> None:
    with pytest.raises(StoreFull, match=r"no room for this file of \d+ bytes: \d+ bytes are free"):
        blobs.create(2**60)
    assert not Blob.objects.exists()


def test_a_store_whose_disk_is_not_mounted_is_not_filled_beside_it(settings, tmp_path) -> None:
    settings.POSTHOUSE = settings.POSTHOUSE.model_copy(update={"store_dir": tmp_path / "not-mounted"})
    with pytest.raises(StoreMissing, match="must mount its disk"):
        blobs.create(1)
    assert not (tmp_path / "not-mounted").exists()


@pytest.mark.parametrize(
    ("number", "error"),
    [
        ("ENOSPC", StoreFull),
        ("EDQUOT", StoreFull),
        ("EROFS", StoreReadOnly),
        ("EACCES", StoreReadOnly),
        ("EIO", StoreBroken),
    ],
)
def test_the_systems_errors_are_told_in_sentences(number: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"\.$"), in_words():
        raise OSError(getattr(errno, number), "whatever")


def test_after_a_failed_sync_nothing_more_is_believed() -> None:
    """The kernel tells of lost pages once: the sync after that would succeed."""
    blob = blobs.create(10)
    read_end, write_end = os.pipe()  # a descriptor that cannot be synced
    writer = blobs.writer(blob, 0)
    writer.write(b"01234")
    kept = os.dup(writer._descriptor)
    os.dup2(write_end, writer._descriptor)
    with pytest.raises(StoreBroken):
        writer.flush()
    os.dup2(kept, writer._descriptor)
    for step in (writer.flush, lambda: writer.write(b"5")):
        with pytest.raises(ValueError, match="has ended"):
            step()
    writer.close()
    for descriptor in (read_end, write_end, kept):
        os.close(descriptor)


def test_of_many_who_find_a_file_with_two_names_each_writes_to_the_one_that_stays() -> None:
    twin, blob = blobs.create(len(DATA)), blobs.create(len(DATA))
    for _ in range(20):
        blobs.local().link(twin.id, blob.id)
        barrier = threading.Barrier(8)

        def begin(barrier: threading.Barrier = barrier) -> int:
            barrier.wait()
            return blobs.local().open_alone(blob.id)

        with ThreadPoolExecutor(8) as pool:
            opened = [future.result() for future in [pool.submit(begin) for _ in range(8)]]
        inodes = {os.fstat(descriptor).st_ino for descriptor in opened}
        for descriptor in opened:
            os.close(descriptor)
        assert inodes == {blobs.local().path(blob.id).stat().st_ino}
        assert inodes != {blobs.local().path(twin.id).stat().st_ino}
