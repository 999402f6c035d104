"""The worker process."""

from __future__ import annotations

import os
import signal
from threading import Event
from types import FrameType

import django

from posthouse.lib.processes import die_with_parent


def main(parent: int | None = None) -> None:
    """Run a worker in this process until SIGTERM or SIGINT, or until the process `parent` that started it dies."""
    stop = Event()

    def leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the shape of a signal handler
        stop.set()

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    if parent is not None:
        die_with_parent(parent)
    django.setup()
    from posthouse.jobs.worker import run  # the apps must be loaded first

    if not run(stop):
        os._exit(1)  # else Python would wait for the threads that hang
