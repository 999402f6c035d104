"""What no directory can be made to do here: a server that sends long attributes in ranges, a line that breaks."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from typing import Any

from pyasn1.codec.ber import decoder, encoder

from posthouse.directory.ldap import ldap3  # noqa: F401 - it imports the library without its warnings

from ldap3.protocol import rfc4511 as ldap  # isort: skip

RANGE = 1_500
RANGED = re.compile(r"member;range=(\d+)-\*")


class Ranges:
    """Speaks LDAP as far as one entry needs, whose members it sends 1,500 at a time, as Active Directory does."""

    def __init__(self, members: list[str], *, lose: bool = False) -> None:
        self.members = members
        self.lose = lose
        """Whether it leaves a range out."""
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                with line:
                    self._talk(line)

    def _talk(self, line: socket.socket) -> None:
        data = b""
        while chunk := line.recv(65_536):
            data += chunk
            message, data = decoder.decode(data, asn1Spec=ldap.LDAPMessage())
            operation = message["protocolOp"].getName()
            if operation == "bindRequest":
                answers = [("bindResponse", _result(ldap.BindResponse()))]
            elif operation == "searchRequest":
                wanted = [str(name) for name in message["protocolOp"]["searchRequest"]["attributes"]]
                answers = [
                    ("searchResEntry", self._entry(wanted)),
                    ("searchResDone", _result(ldap.SearchResultDone())),
                ]
            else:
                return
            for name, answer in answers:
                line.sendall(_message(int(message["messageID"]), name, answer))

    def _entry(self, wanted: list[str]) -> Any:
        self.asked += wanted
        first = next((int(match[1]) for name in wanted if (match := RANGED.match(name))), 0)
        if self.lose and first:
            first += RANGE
        some = self.members[first : first + RANGE]
        last = "*" if first + RANGE >= len(self.members) else str(first + RANGE - 1)
        entry = ldap.SearchResultEntry()
        entry["object"] = "cn=big,dc=test"
        attributes = ldap.PartialAttributeList()
        for position, (name, values) in enumerate(((f"member;range={first}-{last}", some), ("cn", ["big"]))):
            one, each = ldap.PartialAttribute(), ldap.Vals()
            one["type"] = name
            for number, value in enumerate(values):
                each[number] = value
            one["vals"] = each
            attributes[position] = one
        entry["attributes"] = attributes
        return entry


def _result(answer: Any) -> Any:
    answer["resultCode"], answer["matchedDN"], answer["diagnosticMessage"] = 0, "", ""
    return answer


def _message(number: int, name: str, answer: Any) -> bytes:
    message = ldap.LDAPMessage()
    message["messageID"] = number
    message["protocolOp"] = ldap.ProtocolOp().setComponentByName(name, answer)
    return bytes(encoder.encode(message))


class Cutting:
    """Passes a connection on, and after so many bytes of answers breaks it off, or falls silent."""

    def __init__(self, host: str, port: int, *, after: int, silent: bool = False) -> None:
        self.goal, self.after, self.silent = (host, port), after, silent
        self.passed = 0
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self.goal)
                self._open += [near, far]
                threading.Thread(target=self._pump, args=(near, far, False), daemon=True).start()
                threading.Thread(target=self._pump, args=(far, near, True), daemon=True).start()

    def _pump(self, source: socket.socket, goal: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                if counted:
                    self.passed += len(data)
                    if self.passed > self.after:
                        if self.silent:
                            return
                        break
                goal.sendall(data)
            goal.shutdown(socket.SHUT_RDWR)
            source.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def closing(server: Any) -> Iterator[Any]:
    """Close a fake at the end."""
    try:
        yield server
    finally:
        server.close()
