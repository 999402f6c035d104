"""Things to send: files made up for demonstrations and tests, with the digest of each."""

from __future__ import annotations

import hashlib
import random
import zipfile
from dataclasses import dataclass
from pathlib import Path

PIECE = 1024 * 1024
BIG = 256_000_000
MANY = 200


@dataclass(frozen=True)
class Parcel:
    """Files by their path in a package, their digests likewise, and the bytes of all."""

    files: dict[str, Path]
    digests: dict[str, str]
    size: int


def big(folder: Path, size: int = BIG, seed: int = 1, notes: int = 0) -> Parcel:
    """Make one large file of noise that nothing can compress, and so many small ones; another seed makes others."""
    source = random.Random(seed)  # noqa: S311 - contents to compare
    beside = {f"notes/{number:02}.txt": source.randrange(1, 20_000) for number in range(notes)}
    return _parcel(folder, {"film.mov": size} | beside, source)


def many(folder: Path, count: int = MANY, most: int = 400_000) -> Parcel:
    """Make many files from nothing to `most` bytes, in folders, with names as people give them."""
    source = random.Random(2)  # noqa: S311 - contents to compare
    names = ("scan", "été", "写真", "Plan (final)", "🎬 take")
    sizes = {
        f"shoot/day {number % 5 + 1}/{names[number % len(names)]} {number:03}.jpg": source.randrange(most)
        for number in range(1, count)
    }
    return _parcel(folder, sizes | {"shoot/empty.txt": 0}, source)


def digests_in(archive: Path) -> dict[str, str]:
    """Return the digest of each file in a zip file, by its path. Raises BadZipFile when one is damaged."""
    with zipfile.ZipFile(archive) as files:
        found = {}
        for name in files.namelist():
            digest = hashlib.sha256()
            with files.open(name) as file:
                while piece := file.read(PIECE):
                    digest.update(piece)
            found[name] = digest.hexdigest()
        return found


def _parcel(folder: Path, sizes: dict[str, int], source: random.Random) -> Parcel:
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, Path] = {}
    digests: dict[str, str] = {}
    for number, (name, size) in enumerate(sizes.items()):
        digest = hashlib.sha256()
        path = folder / str(number)
        with path.open("wb") as file:
            for start in range(0, size, PIECE):
                piece = source.randbytes(min(PIECE, size - start))
                digest.update(piece)
                file.write(piece)
        files[name], digests[name] = path, digest.hexdigest()
    return Parcel(files, digests, sum(sizes.values()))
