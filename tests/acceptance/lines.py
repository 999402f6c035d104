"""A network of its own, in which lines can be cut without harm to anybody else on this machine.

Servers that are started, and calls that are made, inside `private_network()` see only a loopback of their own: the
thread that enters it, and what it starts, live in a new network namespace until it leaves.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNET = 0x40000000


class Line:
    """The way to one port. Cutting it loses what is under way; breaking it resets connections, too."""

    def __init__(self, port: int) -> None:
        self.port = port

    def cut(self) -> None:
        """Let nothing through, silently."""
        self._rules("drop")

    def break_(self) -> None:
        """End all connections, and refuse new ones."""
        self._rules("reject with tcp reset")

    def mend(self) -> None:
        """Let everything through again."""
        _run("nft", "delete", "table", "inet", "cut")

    def _rules(self, verdict: str) -> None:
        _run("nft", "add", "table", "inet", "cut")
        _run("nft", "flush", "table", "inet", "cut")
        chain = "{ type filter hook input priority 0; policy accept; }"
        _run("nft", "add", "chain", "inet", "cut", "input", chain)
        for end in ("dport", "sport"):
            _run("nft", "add", "rule", "inet", "cut", "input", "tcp", end, str(self.port), *verdict.split())


@contextmanager
def private_network() -> Iterator[None]:
    """Live in a new network until the end of the block. Needs root."""
    name = f"ph-{os.getpid()}-{secrets.token_hex(3)}"
    _run("ip", "netns", "add", name)
    try:
        _run("ip", "-n", name, "link", "set", "lo", "up")
        with Path("/proc/thread-self/ns/net").open() as before, Path(f"/run/netns/{name}").open() as inside:
            _enter(inside.fileno())
            try:
                yield
            finally:
                _enter(before.fileno())
    finally:
        _run("ip", "netns", "delete", name)


def _enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "the network cannot be entered")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
