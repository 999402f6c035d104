"""Files in the store that no record knows, and how they go.

A process that is killed between making a file and recording it leaves an empty one behind; one that is killed between
deleting a record and its file leaves that. Both only take room. Files are looked at long after they came, when nobody
can be about to record them.
"""

from __future__ import annotations

import time
from uuid import UUID

import structlog

from posthouse.store import blobs
from posthouse.store.disk import FOLDERS
from posthouse.store.models import Blob

AGE_SECONDS = 24 * 3600
BATCH = 500
MOST = 1000
"""Files with contents that are removed in one round at most."""

log = structlog.get_logger("posthouse.store")


class Sweep:
    """Goes through the store, a folder at each step, and begins again after the last one.

    Empty files that nobody knows are removed as they are found. Those with contents wait for the end of the round: if
    they are more than the known ones, this is more likely the wrong database, or an old one, and nothing is removed.
    """

    def __init__(self) -> None:
        self._begin()

    def step(self) -> int:
        """Look at the next folder, and return how many files were removed. Raises StoreError."""
        old = time.time() - AGE_SECONDS
        found = {blob: stat.st_size for blob, stat in blobs.local().files(self._folder) if stat.st_mtime < old}
        unknown = _unknown(list(found))
        self._known += len(found) - len(unknown)
        empty = [blob for blob in unknown if not found[blob]]
        self._waiting += [blob for blob in unknown if found[blob]]
        _remove(empty)
        self._folder += 1
        return len(empty) + (self._end() if self._folder == FOLDERS else 0)

    def _begin(self) -> None:
        self._folder = self._known = 0
        self._waiting: list[UUID] = []

    def _end(self) -> int:
        known, waiting = self._known, self._waiting
        self._begin()
        if len(waiting) > known:
            log.error(
                "most files of the store are unknown to the database and stay: check database_url and store_dir",
                unknown=len(waiting),
                known=known,
            )
            return 0
        gone = _unknown(waiting[:MOST])  # asked again: hours have passed
        _remove(gone)
        return len(gone)


def _unknown(ids: list[UUID]) -> list[UUID]:
    known: set[UUID] = set()
    for at in range(0, len(ids), BATCH):
        known.update(Blob.objects.filter(id__in=ids[at : at + BATCH]).values_list("id", flat=True))
    return [blob for blob in ids if blob not in known]


def _remove(ids: list[UUID]) -> None:
    for blob in ids:
        blobs.local().remove(blob)
    if ids:
        log.info("removed files that no record knows", files=len(ids))
