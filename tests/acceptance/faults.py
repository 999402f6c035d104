"""What may befall two servers while a package is on its way from one to the other, and how it is mended.

Each fault is a generator over a Trial: what it does before its first `yield` happens before the package is sent, what
comes after it happens while bytes are travelling; when it ends, everything is mended again.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from tests.acceptance.servers import RealServer, until

if TYPE_CHECKING:
    from tests.acceptance.trial import Trial

Fault = Callable[["Trial"], Generator[None, None, None]]
HOUR = 3600


def kill_sender(trial: Trial) -> Generator[None, None, None]:
    """The sending server is killed, all of it."""
    yield
    trial.paris.restart()


def kill_receiver(trial: Trial) -> Generator[None, None, None]:
    """The receiving server is killed, all of it."""
    yield
    trial.tokyo.restart()


def kill_both(trial: Trial) -> Generator[None, None, None]:
    """Both are killed, and started after a while."""
    yield
    trial.paris.kill()
    trial.tokyo.kill()
    trial.pause()
    trial.tokyo.start()
    trial.paris.start()


def cut_line(trial: Trial) -> Generator[None, None, None]:
    """The line is cut, and comes back; no server is restarted."""
    yield
    trial.line.cut()
    trial.await_trouble("unreachable", "broken")
    trial.pause()
    trial.line.mend()


def half_open_line(trial: Trial) -> Generator[None, None, None]:
    """The connections go dead without an end; new ones would work."""
    yield
    trial.line.die()


def damaged_line(trial: Trial) -> Generator[None, None, None]:
    """Bits are flipped under way."""
    yield
    for _ in range(3):
        trial.line.damage(2)
        time.sleep(0.5)
    if not trial.line.damaged:
        raise AssertionError("nothing was damaged: nothing was tested")


def lossy_line(trial: Trial) -> Generator[None, None, None]:
    """Three packets in ten are lost."""
    yield
    drop = "numgen random mod 100 < 30 drop"
    chain = "{ type filter hook input priority 0; policy accept; tcp dport %d %s; tcp sport %d %s; }"
    rules = "table inet loss {\nchain c " + chain % (trial.line.port, drop, trial.line.port, drop) + "\n}\n"
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
    try:
        time.sleep(trial.seconds)
    finally:
        subprocess.run(["nft", "delete", "table", "inet", "loss"], check=True)


def full_disk_there(trial: Trial) -> Generator[None, None, None]:
    """The disk of the receiver is full to the last byte, its database's share too."""
    yield
    trial.tokyo_disk.fill(leave=0)
    trial.pause()
    trial.tokyo_disk.make_room()


def full_disk_here(trial: Trial) -> Generator[None, None, None]:
    """The disk of the sender is full to the last byte."""
    yield
    trial.paris_disk.fill(leave=0)
    trial.pause()
    trial.paris_disk.make_room()


def read_only_disk(trial: Trial) -> Generator[None, None, None]:
    """The disk of the receiver turns read-only while it is not being written to."""
    yield
    trial.tokyo.kill()
    until(trial.tokyo_disk.read_only, 20)
    trial.tokyo.start(wait=False)
    trial.pause()
    trial.tokyo.kill()
    trial.tokyo_disk.writable()
    trial.tokyo.start()


def power_cut_there(trial: Trial) -> Generator[None, None, None]:
    """The receiver's machine loses its power: what was not synced is gone."""
    yield
    _power_cut(trial.tokyo, trial.tokyo_disk)


def power_cut_here(trial: Trial) -> Generator[None, None, None]:
    """The sender's machine loses its power."""
    yield
    _power_cut(trial.paris, trial.paris_disk)


def rotten_file(trial: Trial) -> Generator[None, None, None]:
    """A bit flips in the sender's store: it says which file, delivers nothing, and goes on with the file mended."""
    trial.line.cut()  # until the file is rotten
    yield
    files = (path for path in (trial.paris.folder / "data" / "store").rglob("*") if path.is_file())
    newest = max(files, key=lambda path: path.stat().st_mtime)
    _flip(newest)
    trial.line.mend()
    trial.await_trouble("damaged_here", seconds=90)
    error = trial.last_error()
    if "film.mov" not in error or "damaged on this server's disk" not in error:
        raise AssertionError(f"the error does not name the file: {error}")
    if trial.is_there():
        raise AssertionError("a damaged file was delivered")
    _flip(newest)
    trial.retry()


def clock_jump(trial: Trial) -> Generator[None, None, None]:
    """The receiver's clock jumps ahead by an hour, and back."""
    yield
    trial.set_clock(HOUR)
    trial.await_trouble("clock", "signature")
    trial.pause()
    trial.set_clock(0)
    trial.retry()


def locked_database(trial: Trial) -> Generator[None, None, None]:
    """Somebody holds the database of the sender, then that of the receiver, so that nothing can be written."""
    yield
    for server in (trial.paris, trial.tokyo):
        if server.database_url:
            with psycopg.connect(server.database_url) as connection:
                connection.execute("LOCK TABLE relays_relay, relays_arrival, store_part IN EXCLUSIVE MODE")
                time.sleep(trial.seconds)
        else:
            with closing(sqlite3.connect(server.folder / "data" / "posthouse.sqlite3", timeout=30)) as database:
                database.execute("BEGIN IMMEDIATE")
                time.sleep(trial.seconds)
                database.rollback()


def restarted_postgresql(trial: Trial) -> Generator[None, None, None]:
    """PostgreSQL crashes and recovers under both servers. (On SQLite there is nothing to restart.)"""
    yield
    if not trial.paris.database_url:
        return
    cluster = (os.environ.get("PGVERSION", "15"), "regress")
    # In the network of who began the trial: its port is taken in here, by the bridge to it.
    outside = ["nsenter", "--target", str(os.getppid()), "--net"]
    done = subprocess.run(
        [*outside, "pg_ctlcluster", *cluster, "restart", "-m", "immediate"],
        capture_output=True,
        text=True,
        env=os.environ,
    )
    if done.returncode:
        raise AssertionError(f"PostgreSQL was not restarted: {done.stdout}{done.stderr}")


FAULTS: dict[str, Fault] = {
    fault.__name__.replace("_", "-"): fault
    for fault in (
        kill_sender,
        kill_receiver,
        kill_both,
        cut_line,
        half_open_line,
        damaged_line,
        lossy_line,
        full_disk_there,
        full_disk_here,
        read_only_disk,
        power_cut_there,
        power_cut_here,
        rotten_file,
        clock_jump,
        locked_database,
        restarted_postgresql,
    )
}
SHORT = ("cut-line", "damaged-line", "full-disk-there", "power-cut-there", "rotten-file")
"""What CI runs, beside the killing: the others are in `make trial ARGS=all`."""


def _power_cut(server: RealServer, disk: object) -> None:
    disk.cut_power()  # type: ignore[attr-defined]
    children = server.processes()
    server.kill()
    until(lambda: not (children & server.processes()), 20)
    disk.power_on()  # type: ignore[attr-defined]
    server.start()


def _flip(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
        file.flush()
        os.fsync(file.fileno())
