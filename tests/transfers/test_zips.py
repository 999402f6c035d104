"""Zip files whose layout is known beforehand, read back by other programs."""

from __future__ import annotations

import io
import subprocess
import zipfile
import zlib
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from posthouse.transfers.zips import Layout, Member, Slice

WHEN = datetime(2026, 11, 23, 15, 24, 38, tzinfo=UTC)
names = st.text(st.characters(exclude_characters="\0\\/", exclude_categories=["Cs"]), min_size=1, max_size=20)
trees = st.dictionaries(names, st.binary(max_size=60), min_size=1, max_size=8)


def layout_of(files: dict[str, bytes]) -> Layout:
    return Layout([Member(name, len(data), zlib.crc32(data), WHEN) for name, data in files.items()])


def made(layout: Layout, contents: list[bytes], start: int = 0, length: int | None = None) -> bytes:
    pieces = []
    for segment in layout.segments(start, length):
        if isinstance(segment, Slice):
            pieces.append(contents[segment.member][segment.start : segment.start + segment.length])
        else:
            pieces.append(segment)
    return b"".join(pieces)


@given(trees)
def test_python_reads_back_every_name_and_byte(files: dict[str, bytes]) -> None:
    layout = layout_of(files)
    whole = made(layout, list(files.values()))
    assert len(whole) == layout.size
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None
        assert {info.orig_filename: archive.read(info) for info in archive.infolist()} == files


@given(trees, st.data())
def test_any_range_is_that_part_of_the_whole(files: dict[str, bytes], data: st.DataObject) -> None:
    layout, contents = layout_of(files), list(files.values())
    whole = made(layout, contents)
    start = data.draw(st.integers(0, layout.size - 1))
    length = data.draw(st.integers(1, layout.size - start))
    assert made(layout, contents, start, length) == whole[start : start + length]


def test_unzip_reads_folders_and_names_of_all_scripts(tmp_path: Path) -> None:
    files = {"plain.txt": b"a" * 100, "Übung/日本 🎬.mov": b"\0\1\2", "Übung/empty": b""}
    archive = tmp_path / "all.zip"
    archive.write_bytes(made(layout_of(files), list(files.values())))
    environment = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["unzip", "-q", archive, "-d", tmp_path / "out"], capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr
    for name, data in files.items():
        assert (tmp_path / "out" / name).read_bytes() == data


def test_large_members_and_late_offsets_get_zip64_fields() -> None:
    """Nothing of 4 GiB is made: the directory is read from behind, as every program does, with holes for contents."""
    five = 5 * 1024**3
    layout = Layout([Member("big", five, 1, WHEN), Member("after", 3, zlib.crc32(b"abc"), WHEN)])
    with zipfile.ZipFile(Holes(layout, {1: b"abc"})) as archive:
        big, after = archive.infolist()
        assert (big.file_size, big.header_offset) == (five, 0)
        assert after.header_offset > five
        assert archive.read(after) == b"abc"


def test_more_than_65535_members_are_counted_right() -> None:
    layout = Layout([Member(f"{number}", 0, 0, WHEN) for number in range(65_536)])
    with zipfile.ZipFile(Holes(layout, {})) as archive:
        assert len(archive.infolist()) == 65_536


def test_times_that_dos_cannot_tell_are_cut_to_its_years() -> None:
    layout = Layout([Member("a", 0, 0, datetime(1970, 1, 1, tzinfo=UTC))])
    with zipfile.ZipFile(io.BytesIO(made(layout, [b""]))) as archive:
        assert archive.infolist()[0].date_time[0] == 1980


class Holes(io.RawIOBase):
    """A zip file as a file, read by ranges; contents that are not given are zeros."""

    def __init__(self, layout: Layout, contents: dict[int, bytes]) -> None:
        self.layout, self.contents, self.at = layout, contents, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + (0, self.at, self.layout.size)[whence]
        return self.at

    def tell(self) -> int:
        return self.at

    def read(self, size: int = -1) -> bytes:
        pieces = []
        for segment in self.layout.segments(self.at, None if size < 0 else size):
            if isinstance(segment, Slice):
                known = self.contents.get(segment.member)
                part = known[segment.start : segment.start + segment.length] if known else bytes(segment.length)
                pieces.append(part)
            else:
                pieces.append(segment)
        data = b"".join(pieces)
        self.at += len(data)
        return data
