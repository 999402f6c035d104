"""`posthouse serve`: the whole server as one group of processes."""

from __future__ import annotations

import os
import socket
import ssl
import sys
import time
from collections.abc import Callable

import structlog
from django.db import DatabaseError, connections

from posthouse.cli import web
from posthouse.cli.errors import Stop
from posthouse.cli.supervisor import Program, Supervisor
from posthouse.config.database import reach
from posthouse.config.options import Options
from posthouse.lib import processes

# A predecessor that was killed needs a moment until the kernel has taken its port back.
PORT_SECONDS = 2.0
WORK_STOP_SECONDS = 25.0

log = structlog.get_logger("posthouse.serve")


def serve(options: Options) -> int:
    """Bring the database up to date, then serve until told to stop. Returns the exit code."""
    processes.set_name("posthouse")  # however it was started
    wait_for_port(options)
    in_child(prepare)

    import posthouse.config.asgi  # noqa: F401 - here, once, and the children share it
    from posthouse.jobs import process as work

    def announce() -> None:
        log.info(f"Posthouse {options.name} is ready at {options.address}")

    return Supervisor(
        [
            Program("web", lambda _parent: web.serve(options), web.DRAIN_SECONDS + 2),
            Program("work", lambda _parent: work.main(), WORK_STOP_SECONDS),
        ],
        ready=lambda: answers(options),
        announce=announce,
    ).run()


def prepare() -> None:
    """Apply the migrations that are pending and bring this server's own row up to date."""
    from django.core.management import call_command

    from posthouse.cluster import servers

    try:
        reach()
        call_command("migrate", interactive=False, verbosity=0)
        servers.ensure_this()
    except DatabaseError as error:
        raise Stop(f"The database cannot be used: {str(error).strip()}") from error
    finally:
        connections.close_all()


def in_child(work: Callable[[], None]) -> None:
    """Run `work` in a process of its own and stop if it fails, so that this one keeps no connection and no thread."""
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            # Else it would go on migrating, and the next start would do the same at the same time.
            processes.die_with_parent(parent)
            work()
            code = 0
        except Stop as stop:
            code = stop.code
            sys.stderr.write(f"posthouse: {stop}\n")
        except BaseException:
            log.exception("the database could not be brought up to date")
            raise
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    if status:
        raise Stop("The server was not started.", max(1, os.waitstatus_to_exitcode(status)))


def wait_for_port(options: Options) -> None:
    """Stop with a sentence if the port cannot be listened on.

    Granian's workers share the port (SO_REUSEPORT), and so would a second server of the same user by mistake: half
    of the requests would go to each. So it is asked for here alone.
    """
    port = options.listen_port or options.port
    family = socket.AF_INET6 if ":" in options.bind else socket.AF_INET
    end = time.monotonic() + PORT_SECONDS
    while True:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((options.bind, port))
                trial.listen()
            except PermissionError as error:
                raise Stop(
                    f"Port {port} may only be used by root. Set listen_port to one above 1023, or grant "
                    "CAP_NET_BIND_SERVICE."
                ) from error
            except OSError as error:
                if time.monotonic() < end and _in_use(error):
                    time.sleep(0.1)
                    continue
                raise Stop(_cannot_listen(options.bind, port, error)) from error
            return


def _in_use(error: OSError) -> bool:
    import errno

    return error.errno == errno.EADDRINUSE


def _cannot_listen(bind: str, port: int, error: OSError) -> str:
    if _in_use(error):
        return f"Port {port} on {bind} is in use by another program. Stop that one, or set listen_port to another port."
    return f"This machine cannot listen on {bind} port {port}: {error.strerror}. Look at the setting bind."


def answers(options: Options) -> bool:
    """Whether the application answers on this server's own port."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # it is our own port, and nothing secret is said
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(options.bind, options.bind)  # noqa: S104 - compared only
    address = (host, options.listen_port or options.port)
    try:
        with (
            socket.create_connection(address, timeout=2) as plain,
            context.wrap_socket(plain, server_hostname=options.host) as line,
        ):
            line.sendall(f"HEAD {options.prefix}/health/ HTTP/1.1\r\nHost: {options.host}\r\n\r\n".encode())
            return line.recv(16).startswith(b"HTTP/1.1 ")
    except OSError:
        return False
