#!/usr/bin/env python3
"""Bring the browser's libraries into the tree, each file with its checksum.

scripts/vendor.py           fetch the packages below, write their files, compare them with SHA256SUMS
scripts/vendor.py --accept  the same after a version changed: write SHA256SUMS anew
scripts/vendor.py --check   compare the files in the tree with SHA256SUMS, without the network
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VENDOR = Path(__file__).parents[1] / "src/posthouse/web/static/vendor"
SUMS = VENDOR / "SHA256SUMS"

# package → file in the package → file in the tree
PACKAGES = {
    "@tabler/core@1.6.1": {"dist/css/tabler.min.css": "tabler/tabler.min.css"},
    "htmx.org@4.0.1": {"dist/htmx.min.js": "htmx/htmx.min.js", "LICENSE": "htmx/LICENSE"},
    "tus-js-client@4.3.1": {"dist/tus.min.js": "tus/tus.min.js", "LICENSE": "tus/LICENSE"},
    "@tabler/icons@3.51.0": {"LICENSE": "tabler/LICENSE"},  # the same authors' and licence as the core, which lacks it
}
ICON_PACKAGE = "@tabler/icons@3.51.0"
ICONS = """
    activity address-book adjustments alert-circle alert-triangle archive arrow-back-up arrow-down arrow-forward-up
    arrow-left arrow-right arrow-up arrows-exchange at ban bell bolt building calendar calendar-clock certificate
    chart-line check chevron-down chevron-left chevron-right circle-check circle-x clock cloud-upload copy cpu
    database device-floppy dots dots-vertical download external-link eye eye-off file file-download file-export
    file-import file-upload file-zip files filter fingerprint folder folder-open gauge git-compare grip-vertical
    heart-rate-monitor help-circle history home inbox info-circle key link list list-check loader-2 lock lock-open
    logout mail mail-cog mail-forward mailbox map-pin menu-2 message moon note package packages password pencil
    player-pause player-play player-stop player-track-next plug plug-connected plus progress refresh rotate
    rotate-clockwise route route-2 route-off search send send-2 server server-2 settings share shield-check
    shield-lock sitemap stethoscope table-export test-pipe transfer trash truck-delivery unlink upload user
    user-check user-circle user-off user-plus user-question users users-group wifi-off world x
""".split()  # noqa: SIM905 - a list of words reads better as words
COMPRESS_FROM = 20_000  # bytes
SOURCE_MAP = re.compile(rb"\n?(/\*# sourceMappingURL=[^*]*\*/|//# sourceMappingURL=\S*)\s*$")


def fetch(package: str, folder: Path) -> tarfile.TarFile:
    """Return the published archive of a package, as npm fetches and verifies it."""
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), package]
    name = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]
    return tarfile.open(folder / name)


def read(archive: tarfile.TarFile, path: str) -> bytes:
    """Return one file of a package."""
    member = archive.extractfile(f"package/{path}")
    if member is None:
        raise FileNotFoundError(path)
    return member.read()


def sprite(archive: tarfile.TarFile) -> bytes:
    """Return one SVG file with a symbol for each icon."""
    symbols = []
    for name in ICONS:
        drawing = read(archive, f"icons/outline/{name}.svg").decode()
        shapes = re.findall(r"<(?:path|circle|rect|line)[^>]*/>", drawing)
        paths = [shape for shape in shapes if 'stroke="none"' not in shape]
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{"".join(paths)}</symbol>')
    return "\n".join(['<svg xmlns="http://www.w3.org/2000/svg">', *symbols, "</svg>", ""]).encode()


def collect() -> dict[str, bytes]:
    """Return every vendored file: its path in the tree and its contents."""
    files: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as folder:
        for package, paths in PACKAGES.items():
            with fetch(package, Path(folder)) as archive:
                for source, target in paths.items():
                    files[target] = SOURCE_MAP.sub(b"", read(archive, source)).rstrip() + b"\n"
                if package == ICON_PACKAGE:
                    files["tabler/icons.svg"] = sprite(archive)
    return files


def write(files: dict[str, bytes]) -> None:
    """Put the files into the tree; beside a large one its compressed form, which the server sends to most browsers."""
    for path, data in files.items():
        target = VENDOR / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        if len(data) >= COMPRESS_FROM:
            target.with_name(f"{target.name}.gz").write_bytes(gzip.compress(data, mtime=0))


def present() -> dict[str, bytes]:
    """Return every vendored file of the tree, a compressed one as what it holds."""
    files = {}
    for path in VENDOR.rglob("*"):
        if path.is_file() and path != SUMS:
            name, data = path.relative_to(VENDOR).as_posix(), path.read_bytes()
            if path.suffix == ".gz":
                # The same bytes compress differently with another zlib, so what counts is what they unpack to.
                name, data = name.removesuffix(".gz"), gzip.decompress(data)
            if files.setdefault(name, data) != data:
                sys.stderr.write(f"{name}.gz does not hold {name}.\n")
                files[name] = b""
    return files


def sums(files: dict[str, bytes]) -> str:
    """Return the lines of SHA256SUMS, which `sha256sum --check` reads too."""
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {path}\n" for path, data in sorted(files.items()))


def main() -> int:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--accept", action="store_true", help="write SHA256SUMS anew")
    mode.add_argument("--check", action="store_true", help="only compare the files in the tree")
    arguments = parser.parse_args()
    files = present() if arguments.check else collect()
    if arguments.accept:
        VENDOR.mkdir(parents=True, exist_ok=True)
        SUMS.write_text(sums(files))
    if not SUMS.is_file() or sums(files) != SUMS.read_text():
        sys.stderr.write("The files differ from SHA256SUMS. Nothing was written; see --accept.\n")
        return 1
    if not arguments.check:
        write(files)
    return 0


if __name__ == "__main__":
    sys.exit(main())
