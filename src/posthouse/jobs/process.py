"""The worker process."""

from __future__ import annotations

import os
import signal
from threading import Event
from types import FrameType

import django

from posthouse.lib import allocator


def main() -> None:
    """Run a worker in this process until SIGTERM or SIGINT. Who starts it has it end with its parent."""
    stop = Event()

    def leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the shape of a signal handler
        stop.set()

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    allocator.keep_buffers()  # relays read packages piece by piece
    django.setup()
    from posthouse.jobs.worker import run  # the apps must be loaded first

    if not run(stop):
        os._exit(1)  # else Python would wait for the threads that hang
