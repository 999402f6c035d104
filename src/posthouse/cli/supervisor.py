"""The parent of a server's processes: starts them, starts again what dies, and stops them in order.

It forks after the apps are loaded, so that a child starts in milliseconds and shares their memory, and it stays
out of their way: it opens no database, starts no thread, and does nothing but wait. Its children are told by the
kernel when it dies.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

import structlog

from posthouse.lib import processes

SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}
TICK_SECONDS = 0.1
# With all programs running there is nothing to look at: signals wake it.
IDLE_SECONDS = 60.0
# A child that lived shorter than this died "at once", and the next try waits longer and longer.
SETTLED_SECONDS = 10.0
LONGEST_WAIT_SECONDS = 30.0

log = structlog.get_logger("posthouse.supervisor")


def wait_before_restart(early_deaths: int) -> float:
    """Return the seconds to wait before a child is started again that died at once `early_deaths` times in a row."""
    return 0.0 if early_deaths < 2 else min(LONGEST_WAIT_SECONDS, 2.0 ** (early_deaths - 2))


@dataclass
class Program:
    """One process that is to run for ever. `run` gets the supervisor's pid, and returns when it was told to stop."""

    name: str
    run: Callable[[int], None]
    stop_seconds: float
    pid: int | None = None
    started: float = 0.0
    early_deaths: int = 0
    start_at: float = field(default=0.0)


class Supervisor:
    """Keeps programs running. `ready` is asked until it says yes, then `announce` is called, once."""

    def __init__(self, programs: Sequence[Program], ready: Callable[[], bool], announce: Callable[[], None]) -> None:
        self.programs = programs
        self._ready = ready
        self._announce = announce
        self._is_ready = False

    def run(self) -> int:
        """Run until SIGTERM, SIGINT or SIGHUP, and return the exit code: 1 when a program never came up."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            return self._run(before)
        finally:
            self._stop()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _run(self, mask: set[signal.Signals | int]) -> int:
        while True:
            for program in self.programs:
                if program.pid is None and time.monotonic() >= program.start_at:
                    self._start(program, mask)
            busy = not self._is_ready or any(program.pid is None for program in self.programs)
            received = signal.sigtimedwait(SIGNALS, TICK_SECONDS if busy else IDLE_SECONDS)
            if received and received.si_signo != signal.SIGCHLD:
                log.info("stopping", signal=signal.Signals(received.si_signo).name)
                return 0
            died = self._reap()
            if not self._is_ready:
                if died:
                    log.error("the server could not start", program=died[0].name)
                    return 1
                if self._ready():
                    self._is_ready = True
                    self._announce()

    def _start(self, program: Program, mask: set[signal.Signals | int]) -> None:
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            _become(program, parent, mask)
        program.pid = pid
        program.started = time.monotonic()

    def _reap(self) -> list[Program]:
        """Take note of the children that have ended, and when to start them again."""
        died: list[Program] = []
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)  # -1: as the first process of a container it adopts others
            except ChildProcessError:
                return died
            if pid == 0:
                return died
            program = next((program for program in self.programs if program.pid == pid), None)
            if program is None:
                continue
            lived = time.monotonic() - program.started
            program.pid = None
            program.early_deaths = program.early_deaths + 1 if lived < SETTLED_SECONDS else 1
            wait = wait_before_restart(program.early_deaths)
            program.start_at = time.monotonic() + wait
            died.append(program)
            if self._is_ready:
                code = os.waitstatus_to_exitcode(status)
                log.error("a process died and is started again", program=program.name, exit_code=code, wait=wait)

    def _stop(self) -> None:
        """Stop the programs one after another, in their order; a second signal ends what is left at once."""
        hurry = False
        for program in self.programs:
            if program.pid is None:
                continue
            os.kill(program.pid, signal.SIGTERM)
            end = time.monotonic() + program.stop_seconds
            while program.pid is not None and time.monotonic() < end and not hurry:
                received = signal.sigtimedwait(SIGNALS, TICK_SECONDS)
                hurry = bool(received and received.si_signo != signal.SIGCHLD)
                self._reap_quietly()
            if program.pid is not None:
                log.warning("a process did not stop in time and was ended", program=program.name)
                os.kill(program.pid, signal.SIGKILL)
                os.waitpid(program.pid, 0)
                program.pid = None

    def _reap_quietly(self) -> None:
        self._is_ready = False
        self._reap()


def _become(program: Program, parent: int, mask: set[signal.Signals | int]) -> NoReturn:
    """Turn a fresh fork into the program, and end with it."""
    code = 1
    try:
        processes.set_name(f"posthouse-{program.name}")
        processes.die_with_parent(parent)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent tells when to stop
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        program.run(parent)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        log.exception("a process failed", program=program.name)
        raise
    finally:
        logging.shutdown()
        sys.stdout.flush()
        os._exit(code)  # never back into the parent's code
