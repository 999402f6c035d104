"""The files in a manifest, and the bytes that travel for them: one blob for each file, or one for many small ones.

Pure: no database, no clock, no network.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from posthouse.packages import limits, names
from posthouse.packages.reading import ManifestError, Reader
from posthouse.store import digests, parts

DIGEST_LENGTH = 32
"""Bytes of a digest, whichever it is."""
CRC_LENGTH = 4
CRC_MOST = 2**32 - 1
_TYPES = [int, str, int, int, int]
"""Of the number, path, start, size and CRC-32 of a file in a pack."""


class FilePart(NamedTuple):
    """What one part must amount to."""

    digest: bytes
    crc32: int


class ManifestBlob(NamedTuple):
    """Bytes that travel together: `size` and `part_size` in bytes, and what each part is checked by on arrival."""

    number: int
    """What the two servers call it: that of the file which it is; packs are counted on behind all files."""
    size: int
    algorithm: str
    part_size: int
    digest: bytes
    crc32: int
    parts: tuple[FilePart, ...]


class ManifestFile(NamedTuple):
    """One file. It is the blob of that number, or what begins at `start` in that pack."""

    number: int
    path: str
    size: int
    digest: bytes
    crc32: int
    blob: int
    start: int | None = None


def document(files: Sequence[ManifestFile], blobs: Sequence[ManifestBlob]) -> dict[str, Any]:
    """Return both as members of an object for JSON."""
    known = {blob.number: blob for blob in blobs}
    packed = sorted((file for file in files if file.start is not None), key=lambda file: (file.blob, file.number))
    packs = []
    for number, group in groupby(packed, key=lambda file: file.blob):
        inside = list(group)
        told = {
            "files": [[file.number, file.path, file.start, file.size, file.crc32] for file in inside],
            # In one string: a third of what an object for each would take. So are the digests of parts.
            "digests": _encode(b"".join(file.digest for file in inside)),
        }
        packs.append(_of_blob(known[number]) | told)
    alone = [
        _of_blob(known[file.blob]) | {"number": file.number, "path": file.path} for file in files if file.start is None
    ]
    return {"files": alone, "packs": packs}


def read(members: Reader) -> tuple[tuple[ManifestFile, ...], tuple[ManifestBlob, ...]]:
    """Return files and blobs, each in the order of their numbers. Raises ManifestError."""
    alone = members.list("files", limits.FILES)
    packs = members.list("packs", limits.FILES)
    inside = [_members(pack) for pack in packs]
    count = len(alone) + sum(map(len, inside))
    if count > limits.FILES:
        raise ManifestError(f"The manifest has more than {limits.FILES} files.")
    files: list[ManifestFile] = []
    blobs: list[ManifestBlob] = []
    for entry in alone:
        number = entry.integer("number", most=count - 1)
        blob = _blob(entry, number)
        blobs.append(blob)
        path = _named(entry.text("path", limits.PATH))
        files.append(ManifestFile(number, path, blob.size, blob.digest, blob.crc32, number))
    for number, (entry, some) in enumerate(zip(packs, inside, strict=True), count):
        blob = _blob(entry, number)
        blobs.append(blob)
        files += _packed(entry, some, blob)
    files.sort()
    blobs.sort()
    if [file.number for file in files] != list(range(count)):
        raise ManifestError("The files of the manifest are not numbered one after another.")
    return tuple(files), tuple(blobs)


def _members(pack: Reader) -> Sequence[list[Any]]:
    """Return what is said of the files in a pack, each with values of the right types. Raises ManifestError."""
    found = pack.rows("files", limits.FILES)
    if not found:
        raise ManifestError("A pack in the manifest holds no file.")
    for entry in found:
        if not isinstance(entry, list) or [type(value) for value in entry] != _TYPES:
            raise ManifestError("A file of a pack in the manifest is not described as it should be.")
    return found


def _packed(pack: Reader, members: Sequence[list[Any]], blob: ManifestBlob) -> Iterator[ManifestFile]:
    """Yield the files in a pack. Raises ManifestError."""
    known = pack.bytes("digests")
    if len(known) != DIGEST_LENGTH * len(members):
        raise ManifestError("A pack in the manifest does not have a digest for each of its files.")
    for at, (number, path, start, size, crc32) in enumerate(members):
        if not (start >= 0 < size <= blob.size - start and 0 <= crc32 <= CRC_MOST):
            raise ManifestError("A file in the manifest reaches beyond its pack, or has no proper CRC-32.")
        digest = known[at * DIGEST_LENGTH : (at + 1) * DIGEST_LENGTH]
        yield ManifestFile(number, _named(path), size, digest, crc32, blob.number, start)


def _named(path: str) -> str:
    try:
        names.check(path)
    except names.BadName as bad:
        raise ManifestError(f"A file name in the manifest cannot be taken: {bad}") from bad
    return path


def _blob(entry: Reader, number: int) -> ManifestBlob:
    size = entry.integer("size", most=limits.SIZE)
    algorithm = entry.text("algorithm", 10)
    if algorithm not in digests.ALGORITHMS:
        raise ManifestError(f"The manifest names a digest that is not known here: {names.shown(algorithm)}.")
    part_size = entry.integer("part_size")
    if part_size != parts.part_size(size):
        raise ManifestError(
            f"The manifest cuts a file of {size} bytes into parts of {part_size} bytes, which is wrong."
        )
    raw = entry.bytes("parts")
    step = DIGEST_LENGTH + CRC_LENGTH
    if len(raw) != step * parts.part_count(size, part_size):
        raise ManifestError(f"The manifest's list of parts does not fit a file of {size} bytes.")
    pieces = tuple(
        FilePart(piece[:DIGEST_LENGTH], int.from_bytes(piece[DIGEST_LENGTH:]))
        for piece in (raw[at : at + step] for at in range(0, len(raw), step))
    )
    digest = entry.bytes("digest")
    if digests.of_parts(algorithm, [piece.digest for piece in pieces]) != digest:
        raise ManifestError("A file's digest in the manifest is not the digest of its parts.")
    return ManifestBlob(number, size, algorithm, part_size, digest, entry.integer("crc32", most=CRC_MOST), pieces)


def _of_blob(blob: ManifestBlob) -> dict[str, Any]:
    return {
        "size": blob.size,
        "algorithm": blob.algorithm,
        "part_size": blob.part_size,
        "digest": _encode(blob.digest),
        "crc32": blob.crc32,
        "parts": _encode(b"".join(part.digest + part.crc32.to_bytes(CRC_LENGTH) for part in blob.parts)),
    }


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
