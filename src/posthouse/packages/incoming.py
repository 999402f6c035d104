"""What has come so far of files that are still being uploaded. Who takes uploads in says so here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import UUID

from posthouse.packages.models import File
from posthouse.store.models import Blob

Arriving = Callable[[UUID], Mapping[int, Blob]]
"""Returns the blobs into which the files of a package come just now, by the number of the file."""

_sources: list[Arriving] = []


def register(source: Arriving) -> None:
    """Have `blobs` ask this one, too."""
    if source not in _sources:
        _sources.append(source)


def blobs(package: UUID) -> dict[int, Blob]:
    """Return where the bytes of each file of a package are, whole or not, by number; not of those in packs.

    The parts of such a blob that are on record never change. But an upload may begin anew, into another blob.
    """
    found = {number: blob for source in _sources for number, blob in source(package).items()}
    whole = File.objects.filter(package=package, start=None).exclude(blob=None).select_related("blob")
    return found | {file.number: file.blob for file in whole if file.blob is not None}
