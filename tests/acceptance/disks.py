"""Disks that fill up, turn read-only and lose power: ext4 in a file. Needs root and a mount namespace of one's own."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import subprocess
import time
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Self

EXT4_IOC_SHUTDOWN = 0x8004587D
NO_FLUSH = 2
"""What was not synced is lost, the journal's too, as when the power is cut."""
LETTING_GO_SECONDS = 20.0


class Disk:
    """A disk of its own, mounted at `path`."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self._image = path.with_name(f"{path.name}.img")
        self._size = size

    def __enter__(self) -> Self:
        self.path.mkdir(parents=True)
        with self._image.open("wb") as image:
            image.truncate(self._size)
        _run("mkfs.ext4", "-q", "-m", "0", str(self._image))
        self._mount()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _run("umount", "-l", str(self.path))

    def fill(self, leave: int) -> None:
        """Use up all its room but for so many bytes."""
        step = 64 * 1024 * 1024
        with self._filler.open("ab") as filler:
            while step >= 4096:
                room = os.statvfs(self.path)
                size = min(step, room.f_bavail * room.f_frsize - leave)
                try:
                    if size > 0:
                        os.posix_fallocate(filler.fileno(), self._filler.stat().st_size, size)
                        continue
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                step //= 2  # others write meanwhile

    def make_room(self) -> None:
        """Give the room back."""
        self._filler.unlink(missing_ok=True)

    def turn_read_only(self) -> None:
        """Let nothing be written any more, whoever writes just now, as the kernel does when a disk has an error."""
        device = _run("findmnt", "-no", "SOURCE", str(self.path)).strip()
        Path(f"/sys/fs/ext4/{Path(device).name}/trigger_fs_error").write_text("a trial\n")

    def cut_power(self) -> None:
        """Lose what was not synced. Whoever uses it must be killed before `power_on`."""
        folder = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_FLUSH))
        finally:
            os.close(folder)

    def power_on(self) -> None:
        """Check it and mount it anew: the journal is replayed. Whoever was killed may take a moment to let go of it."""
        end = time.monotonic() + LETTING_GO_SECONDS
        while True:
            try:
                _run("umount", str(self.path))
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)
        _run("e2fsck", "-fp", str(self._image), well=(0, 1))
        self._mount()

    @property
    def _filler(self) -> Path:
        return self.path / "filler"

    def _mount(self) -> None:
        _run("mount", "-o", "loop,errors=remount-ro", str(self._image), str(self.path))


def _run(*command: str, well: Collection[int] = (0,)) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in well:
        raise OSError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout
