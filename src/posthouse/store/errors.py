"""What can go wrong with the store.

StoreError
├── StoreFull        no room, or a quota is used up
├── StoreReadOnly    the folder may not be written
├── StoreMissing     the folder is not there
├── StoreBroken      the disk itself reports an error
├── BlobMissing      the bytes, or their record, are not there
├── BlobDamaged      what is read is not what was written
├── DigestMismatch   the bytes that came are not the bytes that were sent
├── PartBusy         another connection still writes there
└── PartsMissing     a file cannot be complete yet

The text of each is a sentence for people. `kind` says what helps: waiting and trying again (temporary), an
administrator, or nothing (permanent).
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Literal

Kind = Literal["temporary", "administrator", "permanent"]


class StoreError(Exception):
    """The store cannot do this."""

    kind: ClassVar[Kind] = "administrator"


class StoreFull(StoreError):
    """The store has no room left. What has arrived is kept; it goes on once an administrator has made room."""

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(sentence or self.__doc__)


class StoreReadOnly(StoreError):
    """The store's folder cannot be written to. An administrator must let Posthouse's account write there."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class StoreMissing(StoreError):
    """The store's folder is not there. An administrator must mount its disk, or run `posthouse init`."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class StoreBroken(StoreError):
    """The store's disk reports an error."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(f"The store's disk reports an error: {cause.strerror}. An administrator must look at it.")


class BlobMissing(StoreError):
    """The bytes of a file are not in the store."""

    kind = "permanent"

    def __init__(self, sentence: str = "The contents of this file are no longer in the store.") -> None:
        super().__init__(sentence)


class BlobDamaged(StoreError):
    """What is read of a file is not what was written."""

    kind = "permanent"

    def __init__(self, name: str, part: int, path: Path) -> None:
        super().__init__(
            f"“{name}” is damaged on this server's disk: part {part} is not what was written. In the store it is"
            f" {path.parent.name}/{path.name}."
        )


class DigestMismatch(StoreError):
    """A part arrived damaged."""

    kind = "temporary"

    def __init__(self, number: int) -> None:
        super().__init__(f"Part {number} arrived damaged: its digest is not the one that was announced. Send it again.")
        self.number = number


class PartBusy(StoreError):
    """Another connection still writes this part of the file. Try again in a moment."""

    kind = "temporary"

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class PartsMissing(StoreError):
    """A file is not complete."""

    kind = "temporary"

    def __init__(self, ranges: Sequence[tuple[int, int]]) -> None:
        named = ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in ranges)
        super().__init__(f"The file is not complete: part {named} has not arrived.")
        self.ranges = list(ranges)


# EFBIG is what a file system, or a limit set on the process, says when a file may not grow.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}


@contextmanager
def in_words(absent: type[BlobMissing | StoreMissing] = BlobMissing) -> Iterator[None]:
    """Raise the StoreError that an operating system's error amounts to; `absent` for what is not there."""
    try:
        yield
    except FileNotFoundError as error:
        raise absent from error
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFull from error
        if error.errno in _READ_ONLY:
            raise StoreReadOnly from error
        raise StoreBroken(error) from error
