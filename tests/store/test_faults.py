"""A disk that is full and a writer that is killed: real ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from blake3 import blake3

from posthouse.store import blobs
from posthouse.store.disk import Disk
from posthouse.store.errors import StoreFull
from posthouse.store.models import Blob
from tests.store.disks import small_disk

PART = 64 * 1024
DATA = os.urandom(4 * PART)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("small_parts")]


def fill(blob: Blob) -> None:
    for number in range(4):
        with blobs.writer(blob, number) as writer:
            writer.write(DATA[number * PART : (number + 1) * PART])
            writer.finish()


def test_a_full_disk_stops_the_part_and_keeps_those_before(tmp_path: Path, settings, monkeypatch) -> None:
    settings.POSTHOUSE = settings.POSTHOUSE.model_copy(update={"store_dir": tmp_path / "disk"})
    monkeypatch.setattr(Disk, "free", lambda self: 2**40)  # somebody else takes the room afterwards
    with small_disk(tmp_path / "disk", len(DATA) // 2 + 16 * 1024) as set_room:
        blob = blobs.create(len(DATA))
        with pytest.raises(StoreFull, match="goes on once an administrator has made room"):
            fill(blob)
        assert blobs.have(blob) == {0, 1}
        assert b"".join(blobs.read(blob, 0, 2 * PART)) == DATA[: 2 * PART]
        set_room(8 * len(DATA))
        fill(blob)
        assert b"".join(blobs.read(blobs.complete(blob))) == DATA


KILLED = """
import os, signal, sys
from pathlib import Path
from uuid import UUID

import django

django.setup()
from posthouse.store.disk import Disk
from posthouse.store.writers import PartWriter

store, blob = Disk(Path(sys.argv[1])), UUID(sys.argv[2])
data = Path(sys.argv[3]).read_bytes()
writer = PartWriter(store.open(blob, write=True), blob, number=0, offset=0, length=len(data), algorithm="blake3")
writer.write(data[:40_000])
print(writer.flush(), flush=True)
writer.write(b"x" * 10_000)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_writer_leaves_what_it_acknowledged_and_the_part_goes_on(tmp_path: Path, settings) -> None:
    """D12: kill -9 in the middle of a part."""
    source = tmp_path / "source"
    source.write_bytes(DATA[:PART])
    blob = blobs.create(PART)
    arguments = [str(settings.POSTHOUSE.store), str(blob.id), str(source)]
    done = subprocess.run([sys.executable, "-c", KILLED, *arguments], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    acknowledged = int(done.stdout)
    assert acknowledged == 40_000
    with blobs.writer(blob, 0, at=acknowledged) as writer:
        writer.write(DATA[acknowledged:PART])
        writer.finish(blake3(DATA[:PART]).digest())
    assert b"".join(blobs.read(blobs.complete(blob))) == DATA[:PART]


def test_the_last_room_is_kept_for_what_shares_the_disk(tmp_path: Path, settings) -> None:
    with small_disk(tmp_path / "small", 50 * 64 * 1024):
        settings.POSTHOUSE = settings.POSTHOUSE.model_copy(update={"store_dir": tmp_path / "small"})
        there = os.statvfs(tmp_path / "small")
        assert there.f_bavail * there.f_frsize - blobs.free() > 0
