"""Of two writers of one part the second is kept out by the kernel, even when the first is frozen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from posthouse.store import blobs, locks
from posthouse.store.errors import PartBusy
from posthouse.store.models import Blob

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("small_parts")]

PART = 64 * 1024


@pytest.fixture
def blob(monkeypatch: pytest.MonkeyPatch) -> Blob:
    monkeypatch.setattr(locks.hold, "__defaults__", (0.1,))
    return blobs.create(3 * PART)


def test_two_writers_of_a_part_exclude_each_other_in_one_process(blob: Blob) -> None:
    with blobs.writer(blob, 1, alone=True):
        with pytest.raises(PartBusy):
            blobs.writer(blob, 1, alone=True)
        with blobs.writer(blob, 0, alone=True), blobs.writer(blob, 2, alone=True):
            pass  # other parts are free
    with blobs.writer(blob, 1, alone=True):
        pass


def test_a_frozen_process_keeps_others_out_until_it_ends_and_never_writes_over_them(blob: Blob) -> None:
    path = blobs.path(blob)
    script = (
        "import os, signal, sys; from posthouse.store import locks;"
        f"file = os.open({str(path)!r}, os.O_RDWR); locks.hold(file, {PART}, {PART});"
        f"os.kill(os.getpid(), signal.SIGSTOP); os.pwrite(file, b'late' * 100, {PART})"
    )
    frozen = subprocess.Popen([sys.executable, "-c", script])
    try:
        os.waitid(os.P_PID, frozen.pid, os.WSTOPPED)
        with pytest.raises(PartBusy):
            blobs.writer(blob, 1, alone=True)
        assert path is not None
        assert b"late" not in Path(path).read_bytes()
    finally:
        frozen.send_signal(signal.SIGKILL)
        frozen.wait()
    with blobs.writer(blob, 1, alone=True) as writer:
        writer.write(b"x" * PART)
        writer.finish()
    assert b"late" not in Path(path).read_bytes()
