"""What two servers say to each other about a relay. Pure.

    POST   relay/<id>/offer                {"package", "size"}                       → standing
    PUT    relay/<id>/outline              [[size, digest's name] | null, ...]        → standing
    PUT    relay/<id>/manifest             the manifest, compressed                  → standing
    PUT    relay/<id>/parts/<file>/<part>  the bytes of one part                     → {}
    PUT    relay/<id>/parts/<file>/<part>/<start>/<digest of the part>
                                           some bytes of a part, from there on       → {}
    PUT    relay/<id>/bundle               many small parts, each with its digest    → {}
    POST   relay/<id>/commit               {}                                        → standing
    DELETE relay/<id>                                                                → {}

Every call is signed, carries the relay's fencing number, and may be repeated. A standing is
{"state": "offered" | "arriving" | "committed", "missing": [[file, first part, last part], …],
"begun": [[file, part, [[start, end], …]], …]}: `begun` are the bytes that are there of parts that are missing as a
whole. Nothing is known of the files before the manifest is there, so an offered package lacks its manifest. With an
outline of the files, in the order of their numbers, parts may come while the package is still being uploaded at the
sender's server: it stays offered, and each part is compared with the manifest when that has come. Small files are null
in it: they come later, many of them in a pack, perhaps. A pack is a file for these calls, with a number of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from posthouse.lib import framing
from posthouse.store import digests

MANIFEST_LIMIT = 64 * 1024 * 1024
"""Bytes of a compressed manifest."""
SMALL = 512 * 1024
"""Parts of up to so many bytes travel in bundles: a call for each would cost more than its bytes."""
BUNDLE_BYTES = 4 * 1024 * 1024
BUNDLE_PARTS = 500
BUNDLE_LIMIT = BUNDLE_BYTES + 256 * 1024
"""Bytes of a bundle, its head included."""

OFFERED, ARRIVING, COMMITTED = "offered", "arriving", "committed"


class WireError(ValueError):
    """What came over the wire cannot be read; the message says why."""


class Gap(NamedTuple):
    """Parts of one file, from the first to the last one named, that are not there yet."""

    file: int
    first: int
    last: int


class Begun(NamedTuple):
    """What is there already of one part that is not whole: bytes from a start to before an end, in ascending order."""

    file: int
    part: int
    there: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Standing:
    """How far a package is on the far side."""

    state: str
    missing: Sequence[Gap] = ()
    begun: Sequence[Begun] = ()

    def document(self) -> dict[str, Any]:
        """Return it as an object for JSON."""
        return {"state": self.state, "missing": self.missing, "begun": self.begun}

    @classmethod
    def read(cls, document: dict[str, Any]) -> Standing:
        """Return what the far side says. Raises WireError."""
        state, missing = document.get("state"), document.get("missing")
        if state not in {OFFERED, ARRIVING, COMMITTED} or not isinstance(missing, list):
            raise WireError("The other server's answer to the relay cannot be understood.")
        gaps = []
        for entry in missing:
            if not (isinstance(entry, list) and len(entry) == 3 and all(type(number) is int for number in entry)):
                raise WireError("The other server's list of missing parts cannot be understood.")
            gaps.append(Gap(*entry))
        try:
            begun = [
                Begun(int(file), int(part), [(int(start), int(end)) for start, end in there])
                for file, part, there in document.get("begun", [])
            ]
        except (TypeError, ValueError) as error:
            raise WireError("The other server's list of parts that have begun cannot be understood.") from error
        return cls(state, gaps, begun or ())


class Outlined(NamedTuple):
    """What is known of a file before all of it is there."""

    size: int
    algorithm: str


def outline(files: Iterable[Outlined | None]) -> bytes:
    """Return an outline, in the order of the files' numbers."""
    return json.dumps(list(files), separators=(",", ":")).encode()


def read_outline(data: bytes) -> list[Outlined | None]:
    """Return what an outline says. Raises WireError."""
    try:
        files = [Outlined(int(one[0]), str(one[1])) if one is not None else None for one in json.loads(data)]
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise WireError("The outline of the package cannot be read.") from error
    if any(not 0 < file.size < 1 << 62 or file.algorithm not in digests.ALGORITHMS for file in files if file):
        raise WireError("The outline of the package names what is not known here.")
    return files


class Item(NamedTuple):
    """A small part in a bundle."""

    file: int
    part: int
    digest: bytes
    data: bytes


def pack(items: Iterable[Item]) -> bytes:
    """Return a bundle, framed as posthouse.lib.framing does it."""
    known = list(items)
    head = [[item.file, item.part, len(item.data), item.digest.hex()] for item in known]
    return framing.pack(head, (item.data for item in known))


def unpack(bundle: bytes) -> Iterator[Item]:
    """Yield the parts in a bundle. Raises WireError."""
    try:
        head, at = framing.unpack(bundle, BUNDLE_LIMIT - BUNDLE_BYTES)
        entries = [(int(file), int(part), int(size), bytes.fromhex(digest)) for file, part, size, digest in head]
    except (ValueError, TypeError) as error:
        raise WireError("The bundle of parts cannot be read.") from error
    sizes = [size for _, _, size, _ in entries]
    if len(entries) > BUNDLE_PARTS or min(sizes, default=0) < 0:
        raise WireError("The bundle of parts has a wrong head.")
    if at + sum(sizes) != len(bundle):
        raise WireError("The bundle of parts is cut short, or too long.")
    for (file, part, _, digest), data in zip(entries, framing.bodies(bundle, at, sizes), strict=True):
        yield Item(file, part, digest, data)
