"""The web process: granian with the one application, its workers as children."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings, HTTP2Settings
from granian.log import LogLevels

from posthouse.config.options import Options
from posthouse.lib import allocator, processes

# Long transfers would hold up a stop for ever. They are cut after this, and resume where they were.
DRAIN_SECONDS = 8
# Connections that one worker holds, idle ones too; more wait in the socket's queue. Browsers keep several open each, so
# this is far above what is ever answered at once, which posthouse.config.asgi bounds.
CONNECTIONS = 8192
# Files that a worker may need beside its connections: databases, blobs, libraries.
OTHER_FILES = 256
# A stream moves at most one window per round trip: 16 MiB are 450 Mbit/s at 300 ms, where granian's own 1 MiB
# would hold a browser's upload to 28. The connection's window bounds what one client can have us keep in memory.
STREAM_WINDOW = 16 * 1024 * 1024
CONNECTION_WINDOW = 32 * 1024 * 1024
# What comes of a body at a time at most: each piece costs a turn of the event loop, so a fast line wants large ones.
BODY_PIECE = 1024 * 1024 + 8192

# Granian's own lines go the way of all others, and only the bad ones.
LOGGING: dict[str, Any] = {
    "version": 1,
    "incremental": True,
    "formatters": {},
    "handlers": {},
    "loggers": {},
}


def serve(options: Options) -> None:
    """Answer requests until SIGTERM, then let running ones end for DRAIN_SECONDS."""
    Granian(
        "posthouse.config.asgi:application",
        address=options.bind,
        port=options.listen_port or options.port,
        interface=Interfaces.ASGINL,
        workers=options.web_workers,
        respawn_failed_workers=True,
        workers_kill_timeout=DRAIN_SECONDS,
        backlog=1024,
        backpressure=max(OTHER_FILES, _files() - OTHER_FILES),
        http=HTTPModes.auto,
        http1_settings=HTTP1Settings(max_buffer_size=BODY_PIECE),
        http2_settings=HTTP2Settings(
            initial_stream_window_size=STREAM_WINDOW,
            initial_connection_window_size=CONNECTION_WINDOW,
            # Clients that vanished without a word are noticed, and what they held is freed.
            keep_alive_interval=30_000,
        ),
        websockets=False,
        log_level=LogLevels.warning,
        log_dictconfig=LOGGING,
        ssl_cert=Path(options.certificate),
        ssl_key=Path(options.certificate_key),
        ssl_protocol_min=SSLProtocols.tls12,
    ).serve(target_loader=_Loader(os.getpid()), wrap_loader=False)


def _files() -> int:
    """Allow this process and its workers as many open files as the system lets them have, and return how many."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + OTHER_FILES if most == resource.RLIM_INFINITY else min(most, CONNECTIONS + OTHER_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    return wanted


class _Loader:
    """Loads the application in each worker, and ties the worker's life to the process that made it."""

    def __init__(self, parent: int) -> None:
        self.parent = parent

    def __call__(self) -> Any:
        processes.set_name("posthouse-http")
        processes.die_with_parent(self.parent)
        allocator.keep_buffers()
        from posthouse.config.asgi import application

        return application
