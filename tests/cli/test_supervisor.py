"""The supervisor, with small real processes: starts, restarts, stops in order, and takes its children with it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from posthouse.cli.supervisor import LONGEST_WAIT_SECONDS, Program, Supervisor, wait_before_restart
from tests.waiting import until


class Rig:
    """A supervisor in a process of its own, whose programs write what happens to them into a file."""

    def __init__(self, folder: Path) -> None:
        self.notes = folder / "notes"
        self.notes.touch()
        self.pid = 0

    def note(self, text: str) -> None:
        """Add a line: written at once, whole, from any process."""
        descriptor = os.open(self.notes, os.O_WRONLY | os.O_APPEND)
        os.write(descriptor, f"{text} {os.getpid()}\n".encode())
        os.close(descriptor)

    def lines(self, start: str) -> list[str]:
        """Return the lines that start so."""
        return [line for line in self.notes.read_text().splitlines() if line.startswith(start)]

    def patient(self, name: str, stop_seconds: float = 5.0) -> Program:
        """A program that runs until it is told to stop."""

        def run(_parent: int) -> None:
            told: list[int] = []
            signal.signal(signal.SIGTERM, lambda number, _frame: told.append(number))
            self.note(f"{name} runs")
            while not told:
                signal.pause()
            self.note(f"{name} stops")

        return Program(name, run, stop_seconds)

    def stubborn(self, name: str) -> Program:
        """A program that does not stop."""

        def run(_parent: int) -> None:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            self.note(f"{name} runs")
            while True:
                time.sleep(1)

        return Program(name, run, 0.3)

    def start(self, *programs: Program) -> None:
        """Run the supervisor, ready when all programs have said that they run."""
        names = [program.name for program in programs]
        supervisor = Supervisor(
            programs,
            ready=lambda: all(self.lines(f"{name} runs") for name in names),
            announce=lambda: self.note("ready"),
        )
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                code = supervisor.run()
            finally:
                os._exit(code)

    def wait(self, seconds: float = 10.0) -> int:
        """Return the supervisor's exit code."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        raise AssertionError("the supervisor did not end")


@pytest.fixture
def rig(tmp_path: Path) -> object:
    """A rig that leaves nothing behind."""
    rig = Rig(tmp_path)
    yield rig
    if rig.pid:
        os.kill(rig.pid, signal.SIGKILL)
        os.waitpid(rig.pid, 0)


def _pid(line: str) -> int:
    return int(line.split()[-1])


def _alive(pid: int) -> bool:
    """Whether a process runs: one that waits to be reaped by a distant parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_stops_its_programs_in_their_order_and_ends_with_0(rig: Rig, number: int) -> None:
    rig.start(rig.patient("web"), rig.patient("work"))
    until(lambda: bool(rig.lines("ready")))
    os.kill(rig.pid, number)
    assert rig.wait() == 0
    assert [line.rsplit(" ", 1)[0] for line in rig.notes.read_text().splitlines()][-2:] == ["web stops", "work stops"]


def test_a_program_that_dies_is_started_again_and_the_other_is_left_alone(rig: Rig) -> None:
    rig.start(rig.patient("web"), rig.patient("work"))
    until(lambda: bool(rig.lines("ready")))
    os.kill(_pid(rig.lines("work runs")[0]), signal.SIGKILL)
    until(lambda: len(rig.lines("work runs")) == 2)
    assert len(rig.lines("web runs")) == 1
    os.kill(rig.pid, signal.SIGTERM)
    assert rig.wait() == 0
    assert len(rig.lines("work stops")) == 1


def test_a_program_that_fails_before_all_are_ready_ends_the_supervisor_with_1(rig: Rig) -> None:
    def fail(_parent: int) -> None:
        raise SystemExit(3)

    rig.start(rig.patient("web"), Program("work", fail, 1.0))
    assert rig.wait() == 1
    assert not rig.lines("ready")
    for line in rig.lines("web runs"):
        assert not _alive(_pid(line))


def test_a_program_that_does_not_stop_in_time_is_ended(rig: Rig) -> None:
    rig.start(rig.stubborn("web"), rig.patient("work"))
    until(lambda: bool(rig.lines("ready")))
    os.kill(rig.pid, signal.SIGTERM)
    assert rig.wait() == 0
    assert not _alive(_pid(rig.lines("web runs")[0]))
    assert rig.lines("work stops")


def test_a_second_signal_ends_what_is_left_at_once(rig: Rig) -> None:
    slow = rig.stubborn("web")
    slow.stop_seconds = 60.0
    rig.start(slow)
    until(lambda: bool(rig.lines("ready")))
    os.kill(rig.pid, signal.SIGINT)
    time.sleep(0.3)
    os.kill(rig.pid, signal.SIGINT)
    assert rig.wait(5.0) == 0


def test_kill_9_of_the_supervisor_takes_its_children_with_it(rig: Rig) -> None:
    rig.start(rig.patient("web"), rig.stubborn("work"))
    until(lambda: bool(rig.lines("ready")))
    children = [_pid(line) for line in rig.lines("web runs") + rig.lines("work runs")]
    assert all(map(_alive, children))
    os.kill(rig.pid, signal.SIGKILL)
    rig.wait()
    until(lambda: not any(map(_alive, children)), 2.0)


@pytest.mark.parametrize(
    ("early_deaths", "seconds"),
    [
        (1, 0.0),  # an accident: at once
        (2, 1.0),
        (3, 2.0),
        (5, 8.0),
        (100, LONGEST_WAIT_SECONDS),  # never given up, never a busy loop
    ],
)
def test_a_program_that_keeps_dying_is_started_ever_more_seldom(early_deaths: int, seconds: float) -> None:
    assert wait_before_restart(early_deaths) == seconds
