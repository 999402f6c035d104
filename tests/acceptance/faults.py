"""What may befall two servers while a package is on its way from one to the other, and how it is mended.

Each fault is a generator over a Trial: what it does before its `yield` happens before the package is sent; it yields
when it wants to strike; when it ends, everything is mended again. It waits for what it causes, not for a time, where it
can, so that it strikes the same thing on a fast machine and on a slow one.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import closing
from enum import Enum, auto
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from tests.acceptance.disks import Disk
from tests.acceptance.servers import RealServer
from tests.waiting import until

if TYPE_CHECKING:
    from tests.acceptance.trial import Trial


class When(Enum):
    """When a fault strikes."""

    SENT = auto()
    """As soon as the package is sent, whether anything travels or not."""
    UNDER_WAY = auto()
    """When the first bytes have arrived; the line lets through the others slowly."""


Fault = Callable[["Trial"], Generator[When, None, None]]
HOUR = 3600
LOSSY_BYTES = 20_000_000
ROOM = 40_000_000
"""Bytes of room, where a package does not find enough."""


def kill_sender(trial: Trial) -> Generator[When, None, None]:
    """The sending server is killed, all of it."""
    yield When.UNDER_WAY
    trial.paris.restart()


def kill_receiver(trial: Trial) -> Generator[When, None, None]:
    """The receiving server is killed, all of it."""
    yield When.UNDER_WAY
    trial.tokyo.restart()


def kill_both(trial: Trial) -> Generator[When, None, None]:
    """Both are killed, and started after a while."""
    yield When.UNDER_WAY
    trial.paris.kill()
    trial.tokyo.kill()
    trial.pause()
    trial.tokyo.start()
    trial.paris.start()


def cut_line(trial: Trial) -> Generator[When, None, None]:
    """The line is cut, and comes back; no server is restarted."""
    yield When.UNDER_WAY
    trial.line.cut()
    trial.await_trouble("unreachable", "broken")
    trial.pause()
    trial.line.mend()


def half_open_line(trial: Trial) -> Generator[When, None, None]:
    """The connections go dead without an end; new ones would work."""
    yield When.UNDER_WAY
    trial.line.die()


def damaged_line(trial: Trial) -> Generator[When, None, None]:
    """Bits are flipped under way."""
    yield When.UNDER_WAY
    before = trial.line.damaged
    for blows in (2, 4, 6):
        trial.line.damage(2)
        until(partial(_is_damaged, trial, before + blows), 60)


def _is_damaged(trial: Trial, times: int) -> bool:
    return trial.line.damaged >= times


def lossy_line(trial: Trial) -> Generator[When, None, None]:
    """Three packets in ten are lost, in both directions; some of the package gets through all the same."""
    yield When.UNDER_WAY
    drop = "numgen random mod 100 < 30 drop"
    chain = "{ type filter hook input priority 0; policy accept; tcp dport %d %s; tcp sport %d %s; }"
    rules = "table inet loss {\nchain c " + chain % (trial.line.port, drop, trial.line.port, drop) + "\n}\n"
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
    try:
        trial.await_bytes(LOSSY_BYTES)
    finally:
        subprocess.run(["nft", "delete", "table", "inet", "loss"], check=True)


def no_room_there(trial: Trial) -> Generator[When, None, None]:
    """The disk of the receiver has no room for all of the package; its sender is told so."""
    trial.tokyo_disk.fill(leave=ROOM)
    yield When.SENT
    trial.await_trouble("full_there", "failed")
    trial.pause()
    trial.tokyo_disk.make_room()


def full_disk_there(trial: Trial) -> Generator[When, None, None]:
    """The disk of the receiver is full to the last byte, its database's share too."""
    yield When.UNDER_WAY
    trial.tokyo_disk.fill(leave=0)
    trial.await_trouble("full_there", "failed")
    trial.pause()
    trial.tokyo_disk.make_room()


def full_disk_here(trial: Trial) -> Generator[When, None, None]:
    """The disk of the sender is full to the last byte."""
    yield When.UNDER_WAY
    trial.paris_disk.fill(leave=0)
    trial.pause()
    trial.paris_disk.make_room()


def read_only_disk(trial: Trial) -> Generator[When, None, None]:
    """The disk of the receiver has an error, so that the kernel lets nobody write to it any more."""
    yield When.UNDER_WAY
    trial.tokyo_disk.turn_read_only()
    trial.await_trouble("store_there", "failed")
    trial.pause()
    _swap(trial.tokyo, trial.tokyo_disk)


def power_cut_there(trial: Trial) -> Generator[When, None, None]:
    """The receiver's machine loses its power: what was not synced is gone."""
    yield When.UNDER_WAY
    _power_cut(trial.tokyo, trial.tokyo_disk)


def power_cut_here(trial: Trial) -> Generator[When, None, None]:
    """The sender's machine loses its power."""
    yield When.UNDER_WAY
    _power_cut(trial.paris, trial.paris_disk)


def rotten_file(trial: Trial) -> Generator[When, None, None]:
    """A bit flips in the sender's store: it says which file, delivers nothing, and goes on with the file mended."""
    trial.line.cut()  # until the file is rotten
    yield When.SENT
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


def clock_jump(trial: Trial) -> Generator[When, None, None]:
    """The receiver's clock jumps ahead by an hour, and back."""
    with trial.clock() as set_ahead:
        yield When.UNDER_WAY
        set_ahead(HOUR)
        trial.await_trouble("clock", "signature")
        trial.pause()
        set_ahead(0)
        trial.await_bytes(1)  # it goes on by itself, without the restart that follows


def locked_database(trial: Trial) -> Generator[When, None, None]:
    """Somebody holds the database of the sender, then that of the receiver, so that nothing can be written."""
    yield When.UNDER_WAY
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


def restarted_postgresql(trial: Trial) -> Generator[When, None, None]:
    """PostgreSQL crashes and recovers under both servers."""
    yield When.UNDER_WAY
    cluster = (os.environ.get("PGVERSION", "15"), "regress")
    # In the network of who began the trial: its port is taken in here, by the bridge to it.
    outside = ["nsenter", "--target", str(os.getppid()), "--net"]

    def control(*command: str) -> bool:
        done = subprocess.run([*outside, "pg_ctlcluster", *cluster, *command], capture_output=True, env=os.environ)
        return done.returncode == 0

    if not control("stop", "-m", "immediate"):
        raise AssertionError("PostgreSQL was not stopped")
    trial.pause()
    until(lambda: control("start"), 60)  # what is left of the old one may take a moment to end


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
        no_room_there,
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
NEED_POSTGRESQL = {"restarted-postgresql"}
SHORT = ("cut-line", "damaged-line", "full-disk-there", "power-cut-there", "rotten-file")
"""What CI runs, beside the killing: the others are in `make trial ARGS=all`."""


def _power_cut(server: RealServer, disk: Disk) -> None:
    disk.cut_power()
    _swap(server, disk)


def _swap(server: RealServer, disk: Disk) -> None:
    """Start a server anew on its disk, which was checked meanwhile."""
    children = server.processes()
    server.kill()
    until(lambda: not (children & server.processes()), 20)
    disk.power_on()
    server.start()


def _flip(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
        file.flush()
        os.fsync(file.fileno())
