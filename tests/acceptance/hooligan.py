"""Somebody who kills processes of servers at any moment, and an init system that starts again what he has ended."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

from tests.acceptance.servers import RealServer, alive, end

KINDS = ("supervisor", "web", "http", "work", "all")
TICK_SECONDS = 0.05
LONGEST_ABSENCE = 3.0
"""Seconds for which a server that was ended stays away at most."""
BURIAL_SECONDS = 10.0
"""Time that a machine under load may need until the children of a killed supervisor are gone."""


class Hooligan:
    """Kills -9 by the dice of a seed. Everything is done in the thread that calls: servers end with their starter."""

    def __init__(self, servers: Sequence[RealServer], seed: int, say: Callable[[str], None]) -> None:
        self.kills: Counter[str] = Counter()
        self.complaints: list[str] = []
        """What servers did wrong: processes that outlived their supervisor, servers that ended unprovoked."""
        self._servers = servers
        self._random = Random(seed)
        self._say = say
        self._start = time.monotonic()
        self._away: dict[RealServer, float] = {}
        self._condemned: dict[RealServer, list[int]] = {}
        self._struck_while_starting: set[RealServer] = set()

    def rampage(self, seconds: float, pause: float) -> None:
        """Go on for so long, with a blow each `pause` seconds on average."""
        self._start = time.monotonic()
        over = self._start + seconds
        while time.monotonic() < over:
            next_blow = time.monotonic() + min(self._random.expovariate(1 / pause), 5 * pause)
            while time.monotonic() < min(next_blow, over):
                self.tend()
                time.sleep(TICK_SECONDS)
            self.strike()

    def strike(self) -> None:
        """Kill a process of a server, or all of them at once."""
        server, kind = self._random.choice(self._servers), self._random.choice(KINDS)
        absence = self._random.uniform(0, LONGEST_ABSENCE)
        victims = server.pids(kind) if kind in {"web", "http", "work"} else []
        if server in self._away or (kind in {"web", "http", "work"} and not victims):
            return  # nobody is there
        ready = server.is_ready()
        if kind in {"supervisor", "all"}:
            children = server.processes() - {server.process.pid if server.process else 0}
            server.kill(kind)
            self._condemned[server] = sorted(children)
            self._away[server] = time.monotonic() + absence
        else:
            end(self._random.choice(victims))
            if not ready:
                self._struck_while_starting.add(server)
        self.kills[kind] += 1
        when = time.monotonic() - self._start
        self._say(f"{when:7.2f} s  kill -9 {kind} of {server.name}{'' if ready else ', which was starting'}")

    def tend(self) -> None:
        """Start the servers that are down and whose time has come, as an init system does."""
        for server in self._servers:
            if server not in self._away and server.process is not None and server.process.poll() is not None:
                if server not in self._struck_while_starting:
                    self.complaints.append(f"{server.name} ended by itself:\n{server.said()[-3000:]}")
                server.process = None
                self._away[server] = time.monotonic()
            if self._away.get(server, float("inf")) <= time.monotonic():
                self._see_buried(server)
                del self._away[server]
                self._struck_while_starting.discard(server)
                server.start(wait=False)

    def make_peace(self, seconds: float = 60.0) -> None:
        """Have all servers run again, and wait until they answer. Raises TimeoutError."""
        over = time.monotonic() + seconds
        while self._away or not all(server.is_ready() for server in self._servers):
            self._away = dict.fromkeys(self._away, 0.0)
            self.tend()
            if time.monotonic() > over:
                raise TimeoutError(", ".join(server.name for server in self._servers if not server.is_ready()))
            time.sleep(TICK_SECONDS)

    def _see_buried(self, server: RealServer) -> None:
        over = time.monotonic() + BURIAL_SECONDS
        while left := [pid for pid in self._condemned.get(server, []) if alive(pid)]:
            if time.monotonic() > over:
                self.complaints.append(f"{len(left)} processes of {server.name} outlived their supervisor")
                for pid in left:
                    end(pid)
            time.sleep(TICK_SECONDS)
        self._condemned.pop(server, None)
