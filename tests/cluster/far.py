"""A second whole Posthouse in a process of its own, reached through a pipe instead of a network.

The far side has its own data folder, database and identity. Calls go to it as they would over HTTPS, headers, bodies
and signatures included; what it calls in turn comes back through the same pipe.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import RequestFactory
from django.urls import resolve

from posthouse.cluster.certificate import Certificate
from posthouse.cluster.errors import Broken, NameUnknown, NoConnection
from posthouse.cluster.transport import Reply
from tests.cluster.fake import Call, FakeNetwork

# What code that runs on the far side may do to the way here; it has `network` and Broken.
AWAY = "network.down.add('paris.example')"
ANSWERS_LOST = """
whole = network.send
def send(*arguments):
    whole(*arguments)
    raise Broken('The connection broke.')
network.send = send
"""


def answer(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """Answer a request as this process's Posthouse would."""
    path, _, query = target.partition("?")
    if path.startswith(f"{settings.POSTHOUSE.prefix}/relay/"):
        return asyncio.run(_relay(method, path, headers, body))
    request = RequestFactory().generic(
        method, path, body, headers=dict(headers), QUERY_STRING=query, content_type=headers.get("Content-Type", "")
    )
    view, args, kwargs = resolve(path)
    response = view(request, *args, **kwargs)
    return Reply(response.status_code, {k.lower(): v for k, v in response.items()}, response.content)


async def _relay(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """Answer a request of the data plane."""
    from posthouse.relays.asgi import application

    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": pairs}
    said: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(event: dict[str, Any]) -> None:
        said.append(event)

    await application(scope, receive, send)
    return Reply(said[0]["status"], {}, said[1]["body"])


class Dies(BaseException):
    """This process is to behave as if it were killed: what it has not committed is gone."""


@contextmanager
def dying_after(statements: int) -> Iterator[None]:
    """Die after so many statements to the database; 0: live on."""
    left = statements

    def count(execute: Any, *args: Any) -> Any:
        nonlocal left
        if left == 0:
            raise Dies
        left -= 1
        return execute(*args)

    if not statements:
        yield
        return
    with connection.execute_wrapper(count):
        yield


class Pipe(FakeNetwork):
    """A transport whose network is a pipe; either end may call the other, one call inside the other."""

    def __init__(self, read: Any, write: Any, places: dict[str, Certificate]) -> None:
        self.read, self.write = read, write
        self.places = places
        self.down: set[str] = set()
        self.sent: list[str] = []
        self.cut: set[str] = set()
        """Paths whose answer is lost on the way back, once."""
        self.break_at: tuple[str, int] | None = None
        """A path, and which of the calls to it is the last one to arrive: its answer is lost, and the line is down."""

    def certificate(self, host: str, port: int) -> Certificate:
        if host not in self.places:
            raise NameUnknown(f"The name {host} is not known.")
        if host in self.down:
            raise NoConnection(f"Nothing answers at {host}, port {port}.")
        return self.places[host]

    def answer(self, call: Call) -> Reply:
        self.certificate(call.place.host, call.place.port)
        self.sent.append(call.target)
        found = self.ask(
            "request",
            method=call.method,
            target=call.target,
            headers=dict(call.headers),
            body=base64.b64encode(call.body).decode(),
        )
        for path in list(self.cut):
            if path in call.target:
                self.cut.discard(path)
                raise Broken("The connection broke.")
        if self.break_at and self.break_at[0] in call.target:
            path, left = self.break_at
            self.break_at = (path, left - 1)
            if left == 1:
                self.break_at = None
                self.down.add(call.place.host)
                raise Broken("The connection broke.")
        return Reply(found["status"], found["headers"], base64.b64decode(found["body"]))

    def ask(self, kind: str, **content: Any) -> Any:
        """Send a message and return the answer, serving what the other end asks meanwhile."""
        self._put({"kind": kind, **content})
        while True:
            message = self._get()
            if message["kind"] == "answer":
                return message["value"]
            if message["kind"] == "broke":
                raise RuntimeError(message["value"])
            self.serve(message)

    def serve(self, message: dict[str, Any]) -> None:
        """Answer one message of the other end."""
        try:
            if message["kind"] == "request":
                with dying_after(message.get("statements", 0)):
                    reply = answer(
                        message["method"], message["target"], message["headers"], base64.b64decode(message["body"])
                    )
                value: Any = {
                    "status": reply.status,
                    "headers": dict(reply.headers),
                    "body": base64.b64encode(reply.body).decode(),
                }
            else:
                space: dict[str, Any] = {}
                exec(message["code"], space)
                value = space.get("result")
        except Dies:
            connection.close()
            self._put({"kind": "answer", "value": None})
        except Exception as error:  # noqa: BLE001 - whatever it is, the other end reports it
            self._put({"kind": "broke", "value": f"{error!r}\n{traceback.format_exc()}"})
        else:
            self._put({"kind": "answer", "value": value})

    def loop(self) -> None:
        """Serve until the other end closes the pipe."""
        while message := self._get():
            self.serve(message)

    def _put(self, message: dict[str, Any]) -> None:
        self.write.write(json.dumps(message).encode() + b"\n")
        self.write.flush()

    def _get(self) -> dict[str, Any]:
        line = self.read.readline()
        return json.loads(line) if line else {}


class Far(Pipe):
    """The other server, seen from the test. `far.run(code)` runs code there and returns its `result`."""

    def __init__(self, name: str, database_url: str = "") -> None:
        self.name = name
        self.folder = tempfile.TemporaryDirectory(prefix=f"posthouse-{name}-")
        Path(self.folder.name, "none.toml").touch()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("POSTHOUSE_")} | {
            "POSTHOUSE_CONFIG": f"{self.folder.name}/none.toml",
            "POSTHOUSE_DATA_DIR": self.folder.name,
            "POSTHOUSE_NAME": name,
            "POSTHOUSE_HOST": f"{name}.example",
            "POSTHOUSE_DATABASE_URL": database_url,
            "DJANGO_SETTINGS_MODULE": "posthouse.config.settings",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.cluster.far"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            cwd=Path(__file__).parents[2],
        )
        super().__init__(self.process.stdout, self.process.stdin, {f"{name}.example": Certificate("0" * 64)})

    def run(self, code: str) -> Any:
        """Run code on the far side and return what it left in `result`."""
        return self.ask("run", code=code)

    def clear(self) -> None:
        """Make it a new server."""
        self.places = {f"{self.name}.example": Certificate("0" * 64)}
        self.down.clear()
        self.cut.clear()
        self.break_at = None
        self.sent.clear()
        self.run(
            "from django.core.management import call_command\n"
            "from posthouse.cluster import servers\n"
            "call_command('flush', interactive=False, verbosity=0)\n"
            "servers.ensure_this()\n"
        )

    def close(self) -> None:
        """End the far side."""
        self.write.close()
        self.process.wait(10)
        self.read.close()
        self.folder.cleanup()


def main() -> None:
    """Be the far side."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # log lines must not get between the messages
    import django

    django.setup()
    from django.core.management import call_command

    from posthouse.cluster import calls, servers
    from tests import hashing

    hashing.make_cheap()
    call_command("migrate", verbosity=0)
    settings.POSTHOUSE.store.mkdir()
    servers.ensure_this()
    pipe = Pipe(sys.stdin.buffer, output, {"paris.example": Certificate("1" * 64)})
    with calls.through(pipe):
        pipe.loop()


if __name__ == "__main__":
    main()
