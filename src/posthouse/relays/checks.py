"""Whether this machine can fill a long line, with the lines that mend it."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, register

from posthouse.cluster import sockets
from posthouse.relays import adapt
from posthouse.web.health import Fact

BUFFERS = Path("/proc/sys/net/ipv4")
GIGABIT_FAR = 1_000_000_000 // 8 * 3 // 10
"""Bytes under way on a line of 1 Gbit/s with a round trip of 300 ms."""
# The kernel counts its own structures too: about half of a buffer is bytes.
ENOUGH = 2 * GIGABIT_FAR // adapt.MOST

CURE_BBR = (
    "As root: `sysctl -w net.core.default_qdisc=fq net.ipv4.tcp_congestion_control=bbr`, and write the same two lines"
    " into /etc/sysctl.d/90-posthouse.conf, so that they hold after the next start too."
)
CURE_BUFFERS = (
    "Write these two lines into /etc/sysctl.d/90-posthouse.conf and run `sysctl --system` as root:"
    " net.ipv4.tcp_rmem = 4096 131072 67108864 and net.ipv4.tcp_wmem = 4096 65536 67108864"
)


def has_bbr() -> bool:
    """Whether a socket of this process may use BBR."""
    with socket.socket() as trial:
        try:
            trial.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, sockets.CONGESTION.encode())
        except OSError:
            return False
    return True


def small_buffers() -> list[str]:
    """Return the names of the settings of the kernel that let a socket hold too little."""
    small = []
    for name in ("tcp_rmem", "tcp_wmem"):
        try:
            most = int((BUFFERS / name).read_text().split()[2])
        except (OSError, ValueError, IndexError):
            continue  # not Linux, or nothing to be seen from here
        if most < ENOUGH:
            small.append(f"net.ipv4.{name}")
    return small


@register("relays", deploy=True)
def long_line(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001 - Django's
    """Check what a long line needs of the kernel."""
    found: list[CheckMessage] = []
    if not has_bbr():
        found.append(
            checks.Warning(
                "The kernel does not let relays use BBR: over a long line that loses packets they will be slow.",
                hint=CURE_BBR,
                id="posthouse.relays.W001",
            )
        )
    if small := small_buffers():
        found.append(
            checks.Warning(
                f"{' and '.join(small)} let a connection hold too little for a fast and long line.",
                hint=CURE_BUFFERS,
                id="posthouse.relays.W002",
            )
        )
    return found


def facts() -> list[Fact]:
    """Return the same for the Health page, good news too."""
    found = long_line(None)
    if not found:
        return [Fact("Long lines", "ok", "BBR and large buffers are there: relays fill long lines too")]
    return [Fact("Long lines", "wait", str(one.msg), str(one.hint)) for one in found]
