"""Names of files as they come from browsers and from other servers: data, never paths on a disk here.

A name may have folders before it ("reels/a.mov"), emoji and any script. What could lead a recipient's disk or eye
astray is refused with a sentence, never mended quietly: a renamed file would be a lost file to whoever looks for it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from posthouse.lib.characters import BIDI_CONTROLS as BIDI_CONTROLS
from posthouse.lib.characters import hidden as hidden
from posthouse.lib.characters import misleading as misleading
from posthouse.packages import limits

DRIVE = re.compile(r"[A-Za-z]:")
DIGITS = re.compile(r"(\d+)")
SHOWN = 120


class BadName(ValueError):
    """A file name that cannot be taken; the message is a sentence for the sender."""


def clean(path: str) -> str:
    """Return the path in Unicode's composed form (macOS sends decomposed names), or raise BadName."""
    check(path)
    composed = unicodedata.normalize("NFC", path)
    check(composed)  # composing may lengthen a few characters
    return composed


def check(path: str) -> None:
    """Raise BadName unless the path is safe to show, to store as text and to unpack below a folder."""
    if not path:
        raise BadName("A file has no name. Give it one and choose it again.")
    for character in path if not (path.isascii() and path.isprintable()) else ():
        if misleading(character):
            raise BadName(
                f"“{shown(path)}” holds a hidden character (U+{ord(character):04X}) that would show it under a name "
                "which is not its own. Rename the file."
            )
    if "\\" in path:
        raise BadName(f"“{shown(path)}” holds a backslash, which some systems take for a folder. Rename the file.")
    if path.startswith("/"):
        raise BadName(f"“{shown(path)}” begins at the root of a disk. Send it by its name, with folders before it.")
    if DRIVE.match(path):
        raise BadName(f"“{shown(path)}” begins with the letter of a drive. Send it by its name, or rename it.")
    if len(path) > limits.PATH:
        raise BadName(f"“{shown(path)}” is longer than {limits.PATH} characters with its folders. Shorten it.")
    for part in path.split("/"):
        if not part.strip():
            raise BadName(f"“{shown(path)}” has a part without a name. Rename the file or its folder.")
        if part in {".", ".."}:
            raise BadName(f"“{shown(path)}” leads out of its folder with “{part}”. Send it by its plain name.")
        if len(part.encode()) > limits.COMPONENT:
            raise BadName(
                f"“{shown(part)}” is longer than {limits.COMPONENT} bytes, more than most disks can store. Shorten it."
            )


def clashes(paths: Sequence[str]) -> Iterable[str]:
    """Yield a sentence for each path that could not lie beside the others on some recipient's disk.

    The paths are clean. Two that differ only in case fall together on macOS and Windows; a file cannot bear the
    name of a folder.
    """
    seen: dict[str, str] = {}
    folders: dict[str, str] = {}
    for path in paths:
        folded = path.casefold()
        other = seen.get(folded)
        if other is None:
            seen[folded] = path
        elif other == path:
            yield f"“{shown(path)}” is there twice. Remove one of the two."
        else:
            yield (
                f"“{shown(other)}” and “{shown(path)}” differ only in capital letters, and many disks take them for "
                "one. Rename one of the two."
            )
        at = folded.rfind("/")
        while at > 0 and (folder := folded[:at]) not in folders:
            folders[folder] = path
            at = folded.rfind("/", 0, at)
    for folder in folders.keys() & seen.keys():
        yield (
            f"“{shown(seen[folder])}” is a file, and also the folder of “{shown(folders[folder])}”. "
            "Rename one of the two."
        )


def order(path: str) -> tuple[list[tuple[str | int, ...]], str]:
    """Return the sort key that puts folders together and "take 2" before "take 10"."""
    parts = [
        tuple(int(piece) if at % 2 else piece for at, piece in enumerate(DIGITS.split(part)))
        for part in path.casefold().split("/")
    ]
    return parts, path


def shown(path: str) -> str:
    """Return the path as it can be shown to anybody: hidden characters by their number, the middle left out."""
    if len(path) > SHOWN:
        path = f"{path[: SHOWN // 2]}…{path[-SHOWN // 2 :]}"
    return "".join(f"<U+{ord(c):04X}>" if misleading(c) else c for c in path)
