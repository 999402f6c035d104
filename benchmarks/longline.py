"""Two network namespaces with a long line between them (longline.c), or a short one (a pair of virtual cables).

Needs root, iproute2 and a C compiler.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from posthouse.lib import processes

HERE = Path(__file__).parent
NEAR, FAR = "10.77.77.1", "10.77.77.2"
CLONE_NEWNET = 0x40000000
# What docs/operations/relays.md tells operators of long lines to set.
BUFFERS = ("net.ipv4.tcp_rmem=4096 131072 67108864", "net.ipv4.tcp_wmem=4096 65536 67108864")


@dataclass(frozen=True)
class Line:
    """What a line is like. The queue in front of it holds what it carries in one round trip, as routers' do."""

    mbit: float
    trip_ms: float
    loss: float

    def __str__(self) -> str:
        return f"{self.mbit:g} Mbit/s, {self.trip_ms:g} ms, {self.loss:.1%} loss"


CLEAN = Line(10_000, 0.1, 0)


class Namespaces:
    """Two hosts, near (10.77.77.1) and far (10.77.77.2). Leaving the context removes them."""

    def __init__(self, folder: Path, *, line: Line | None) -> None:
        """With no line, an ordinary cable of the kernel's connects them."""
        self.near, self.far = f"ph{os.getpid()}a", f"ph{os.getpid()}b"
        self.line = line
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        for name in (self.near, self.far):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        if self.line:
            self._start()
        else:
            ip("-n", self.near, "link", "add", "far0", "type", "veth", "peer", "far0", "netns", self.far)
        for name, address in ((self.near, NEAR), (self.far, FAR)):
            ip("-n", name, "address", "add", f"{address}/24", "dev", "far0")
            ip("-n", name, "link", "set", "far0", "txqueuelen", "20000", "up")
            # What one run has learned of the line must not help the next.
            settings = [*BUFFERS, "net.ipv4.tcp_no_metrics_save=1"]
            subprocess.run(["ip", "netns", "exec", name, "sysctl", "-qw", *settings], check=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait()
        for name in (self.near, self.far):
            ip("netns", "delete", name)

    def change(self, line: Line) -> None:
        """Make the line another one, while it is in use."""
        self.line = line
        self._write(line)
        if self._process:
            self._process.send_signal(signal.SIGHUP)

    def at_far(self) -> Sequence[str]:
        """Return what runs a command at the far host."""
        return ["ip", "netns", "exec", self.far]

    def at_near(self) -> Sequence[str]:
        """Return what runs a command at the near host."""
        return ["ip", "netns", "exec", self.near]

    def enter_near(self) -> None:
        """Move this process to the near host; threads that run already stay where they are."""
        move_to(self.near)

    def _start(self) -> None:
        assert self.line
        program = self._folder / "longline"
        subprocess.run(["gcc", "-O2", "-pthread", "-o", str(program), str(HERE / "longline.c")], check=True)
        self._write(self.line)
        parent = os.getpid()
        self._process = subprocess.Popen(
            [str(program), str(self._control), self.near, self.far],
            stdout=subprocess.PIPE,
            preexec_fn=lambda: processes.die_with_parent(parent),
        )
        assert self._process.stdout
        if self._process.stdout.readline().strip() != b"ready":
            raise RuntimeError("the line could not be made; it needs root and /dev/net/tun")

    @property
    def _control(self) -> Path:
        return self._folder / "longline.control"

    def _write(self, line: Line) -> None:
        self._control.write_text(f"{line.mbit} {line.trip_ms} {line.loss} {max(20, line.trip_ms)}\n")


def ip(*words: str) -> None:
    """Run the command of this name."""
    subprocess.run(["ip", *words], check=True)


def move_to(namespace: str) -> None:
    """Move the calling thread, and what it starts, to a network namespace."""
    with Path(f"/var/run/netns/{namespace}").open() as handle:
        if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot move to the namespace {namespace}")
