"""The worker does each row once, survives what goes wrong in it, and stops when told to."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Lock, Thread

import pytest
from django.db import OperationalError, connection

from posthouse.jobs import leases, presence, worker
from posthouse.jobs.job import Job, Stopping
from posthouse.jobs.presence import Presence, folder, wake
from posthouse.jobs.worker import Kind, Worker, register, register_periodic
from posthouse.sync.models import Run
from tests.jobs.conftest import MakeRun
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


def all_runs() -> object:
    return Run.objects.order_by("created_at")


@contextmanager
def workers(count: int = 1) -> Iterator[Event]:
    stop = Event()
    threads = [Thread(target=worker.run, args=[stop]) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield stop
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        connection.close()


def test_two_workers_do_each_of_500_rows_once(make_run: MakeRun, tokyo: object) -> None:
    Run.objects.bulk_create([Run(server=tokyo, kind=Run.Kind.MANUAL) for _ in range(500)])
    done: Counter[object] = Counter()
    lock = Lock()

    def run(job: Job[Run]) -> None:
        with lock:
            done[job.row.pk] += 1

    register(Kind("count", all_runs, run, concurrency=3))
    with workers(2):
        until(lambda: Run.objects.filter(state="done").count() == 500, 120)
    assert len(done) == 500
    assert set(done.values()) == {1}
    assert set(Run.objects.values_list("fence", flat=True)) == {1}


def test_new_work_starts_when_the_worker_is_woken_and_not_a_tick_later(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "TICK_SECONDS", 15.0)
    started = Event()
    register(Kind("one", all_runs, lambda _job: started.set()))
    register_periodic("ready", 100, (ready := Event()).set)
    with workers() as stop:
        assert ready.wait(10)
        make_run()
        wake()
        assert started.wait(10)
        stop.set()
        wake()


def test_a_row_that_breaks_its_job_is_put_back_and_the_next_one_is_done(make_run: MakeRun) -> None:
    bad, good = make_run(), make_run()

    def run(job: Job[Run]) -> None:
        if job.row.pk == bad.pk:
            raise ZeroDivisionError

    register(Kind("some", all_runs, run))
    with workers():
        until(lambda: Run.objects.get(pk=good.pk).state == "done")
    bad.refresh_from_db()
    assert (bad.state, bad.attempts) == ("deferred", 1)
    assert "its log says what" in bad.last_error


def test_work_that_the_database_failed_is_done_again_as_soon_as_it_answers(make_run: MakeRun) -> None:
    """Not when its lease has run out, half a minute later, and not as if the work itself were at fault."""
    make_run()
    tries = []

    def run(job: Job[Run]) -> None:
        tries.append(job.row.attempts)
        if len(tries) == 1:
            raise OperationalError("the connection was closed")

    register(Kind("some", all_runs, run))
    with workers():
        until(lambda: Run.objects.get().state == "done", leases.LEASE_SECONDS / 2)
    assert tries == [1, 2]


def test_work_whose_end_could_not_be_written_is_done_again(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run()
    finish, put_back = leases.finish, leases.put_back
    failures = {"finish": 1, "put back": 2}

    def fail(what: str) -> None:
        if failures[what]:
            failures[what] -= 1
            raise OperationalError("database or disk is full")

    def finish_later(row: Run) -> bool:
        fail("finish")
        return finish(row)

    def put_back_later(row: Run) -> int:
        fail("put back")
        return put_back(row)

    monkeypatch.setattr(leases, "finish", finish_later)
    monkeypatch.setattr(leases, "put_back", put_back_later)
    register(Kind("some", all_runs, lambda _job: None))
    with workers():
        until(lambda: Run.objects.get().state == "done", leases.LEASE_SECONDS / 2)
    assert failures == {"finish": 0, "put back": 0}
    assert Run.objects.get().fence == 2


def test_running_work_gives_its_lease_back_when_the_worker_stops(make_run: MakeRun) -> None:
    make_run()
    begun = Event()

    def run(job: Job[Run]) -> None:
        begun.set()
        job.wait(60)

    register(Kind("long", all_runs, run))
    with workers():
        assert begun.wait(10)
    assert (Run.objects.get().state, Run.objects.get().attempts) == ("queued", 0)


def test_a_job_that_lost_its_lease_stops_at_its_next_check(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, lease_ran_out: Callable[[Run], None]
) -> None:
    monkeypatch.setattr(worker, "HEARTBEAT_SECONDS", 0.1)
    make_run()
    begun, ended = Event(), Event()

    def run(job: Job[Run]) -> None:
        begun.set()
        try:
            job.wait(60)
        except leases.LostLease:
            ended.set()
            raise

    register(Kind("long", lambda: Run.objects.exclude(lease_holder="other"), run))
    with workers():
        assert begun.wait(10)
        Run.objects.update(fence=2, lease_holder="other")
        assert ended.wait(10)
    assert Run.objects.get().lease_holder == "other"


def test_a_frozen_job_notices_by_itself_that_its_time_has_run_out(make_run: MakeRun) -> None:
    make_run()
    job = Job(leases.claim(all_runs(), "one", 0.05), seconds=0.05)
    job.check()
    time.sleep(0.1)
    with pytest.raises(leases.LostLease):
        job.check()


def test_a_heartbeat_keeps_long_work(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "HEARTBEAT_SECONDS", 0.2)
    make_run()
    first_end = []

    def run(job: Job[Run]) -> None:
        first_end.append(job.row.lease_until)
        until(lambda: Run.objects.get().lease_until > first_end[0])

    register(Kind("long", all_runs, run))
    with workers():
        until(lambda: Run.objects.get().state == "done")
    assert Run.objects.get().fence == 1


def test_periodic_work_goes_on_after_it_failed() -> None:
    calls = []

    def run() -> None:
        calls.append(1)
        raise ZeroDivisionError

    register_periodic("often", 0, run)
    with workers():
        until(lambda: len(calls) >= 2)


def test_no_more_jobs_run_at_once_than_the_kind_allows(make_run: MakeRun) -> None:
    for _ in range(6):
        make_run()
    running: list[int] = []
    most: list[int] = []

    def run(job: Job[Run]) -> None:
        running.append(1)
        most.append(len(running))
        time.sleep(0.05)
        running.pop()

    register(Kind("few", all_runs, run, concurrency=2))
    with workers():
        until(lambda: Run.objects.filter(state="done").count() == 6)
    assert max(most) == 2


def test_a_stop_is_told_from_a_lost_lease(make_run: MakeRun) -> None:
    make_run()
    stop = Event()
    job = Job(leases.claim(all_runs(), "one"), stop)
    stop.set()
    with pytest.raises(Stopping):
        job.check()


@pytest.fixture
def killed_holder() -> str:
    """The name of a worker process that was killed with -9."""
    script = (
        "import os, sys, time, django; django.setup();"
        "from posthouse.jobs.presence import Presence; here = Presence();"
        "print(here.holder, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    assert process.stdout is not None
    holder = process.stdout.readline().strip()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    return holder


def test_leases_of_a_killed_worker_are_taken_over_without_waiting(make_run: MakeRun, killed_holder: str) -> None:
    make_run()
    assert leases.claim(all_runs(), killed_holder, 1000) is not None
    assert (folder() / f"{killed_holder}.lock").exists()
    register(Kind("any", all_runs, lambda _job: None))
    with workers():
        until(lambda: Run.objects.get().state == "done", 5)
    assert Run.objects.get().fence == 2


def test_a_living_worker_is_never_taken_for_dead(make_run: MakeRun) -> None:
    make_run()
    register(Kind("any", all_runs, lambda _job: None))
    with Presence() as other:
        assert leases.claim(all_runs(), other.holder) is not None
        with workers():
            time.sleep(1.5)
            assert Run.objects.get().lease_holder == other.holder


def test_a_worker_goes_on_when_the_disk_of_its_data_folder_has_turned_read_only(
    make_run: MakeRun, killed_holder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it works with may be elsewhere: the database, and the store."""
    run = make_run()
    opened = os.open

    def refuse(path: str | Path, flags: int, mode: int = 0o777) -> int:
        if str(path).endswith(".lock") and flags & os.O_RDWR:
            raise OSError(errno.EROFS, "Read-only file system")
        return opened(path, flags, mode)

    register(Kind("any", all_runs, lambda _job: None))
    with Presence() as here, monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        worker = Worker(here, Event())
        assert worker.tick() == 1
        until(lambda: Run.objects.get(pk=run.pk).state == "done")
    assert presence.bury(lambda _holder: None) == [killed_holder]


def test_a_wake_finds_every_worker_and_removes_sockets_of_the_dead(killed_holder: str) -> None:
    with Presence() as one, Presence() as two:
        wake()
        assert one.wait(1)
        assert two.wait(1)
        assert not one.wait(0.01)
    assert not (folder() / f"{killed_holder}.sock").exists()
    (folder() / f"{killed_holder}.lock").unlink()


def test_a_wake_with_nobody_there_is_harmless(tmp_path: Path) -> None:
    wake()


def test_unread_wakes_never_block_the_caller() -> None:
    with Presence() as one:
        for _ in range(2000):
            wake()
        assert one.wait(1)
        assert not one.wait(0.01)


def test_a_worker_process_stops_when_its_parent_is_killed(tmp_path: Path) -> None:
    child = (
        "import sys; from posthouse.lib.processes import die_with_parent; die_with_parent(int(sys.argv[1]));"
        "print('ready', flush=True); import time; time.sleep(60)"
    )
    parent = (
        "import os, subprocess, sys, time;"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}, str(os.getpid())]);"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = {process.stdout.readline().strip(), process.stdout.readline().strip()}
    pid = int((lines - {"ready"}).pop())
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    until(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2], 5)


def test_a_worker_object_starts_nothing_once_it_is_told_to_stop(make_run: MakeRun) -> None:
    make_run()
    stop = Event()
    register(Kind("any", all_runs, lambda _job: None))
    with Presence() as here:
        stop.set()
        assert Worker(here, stop).tick() == 0
    assert Run.objects.get().state == "queued"
