"""Packages for the tests of their own app, made as people make them."""

from __future__ import annotations

from hashlib import sha256

from posthouse.packages import lifecycle
from posthouse.packages.models import File, Package
from posthouse.store import blobs, parts
from posthouse.store.models import Blob


def contents(data: bytes) -> Blob:
    """Return a complete blob with these bytes."""
    blob = blobs.create(len(data))
    for number in range(parts.part_count(blob.size, blob.part_size)):
        offset, length = parts.span(number, blob.size, blob.part_size)
        with blobs.writer(blob, number) as writer:
            writer.write(data[offset : offset + length])
            writer.finish()
    return blobs.complete(blob)


def bytes_of(file: File) -> bytes:
    """Return the bytes that the test files have: told by their paths, of the size announced."""
    return (sha256(file.path.encode()).digest() * (file.size // 32 + 1))[: file.size]


def upload(package: Package) -> Package:
    """Let all files of a package arrive."""
    for file in package.files.filter(blob=None):
        assert lifecycle.file_arrived(file, contents(bytes_of(file)))
    package.refresh_from_db()
    return package
