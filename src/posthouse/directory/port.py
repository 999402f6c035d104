"""What the rest of the app asks of a directory, whatever library speaks to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Values = Mapping[str, Sequence[bytes]]
"""The attributes of an entry, by name in lower case."""

EVERYTHING = "(objectClass=*)"


@dataclass(frozen=True)
class Found:
    """One entry."""

    dn: str
    values: Values

    def text(self, name: str) -> str:
        """Return the first value of an attribute; empty when there is none, or none that is text."""
        return next(iter(self.texts(name)), "")

    def texts(self, name: str) -> list[str]:
        """Return the values of an attribute that are text."""
        found = []
        for value in self.values.get(name.lower(), ()):
            try:
                found.append(value.decode())
            except UnicodeDecodeError:
                continue  # a picture, a key
        return found


class Directory(Protocol):
    """A line to one server of a directory, on which somebody has logged in. Its methods block and raise DirectoryError.

    It is for one thread. `close` may be called more than once.
    """

    host: str
    """The server that answers."""

    def get(self, dn: str, attributes: Sequence[str], filter: str = EVERYTHING) -> Found:  # noqa: A002 - LDAP's word
        """Return one entry; with an empty DN, what the server says of itself. Raises NotFound."""

    def search(self, base: str, filter: str, attributes: Sequence[str]) -> Iterator[Found]:  # noqa: A002
        """Yield all entries at and below a base that match, page by page, every attribute with all its values.

        Raises Incomplete when the server does not send everything: what came before is then not the whole answer.
        """

    def close(self) -> None:
        """Hang up."""


@dataclass(frozen=True)
class Way:
    """How to reach a directory."""

    hosts: tuple[str, ...]
    """Host names or IP addresses, tried in turn."""
    port: int
    security: str
    """tls, starttls or none."""
    authorities: str
    """PEM text of the certificate authorities that are trusted; empty: those of this machine."""
