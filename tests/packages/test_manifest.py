"""The manifest: nothing is lost on the way, and nothing is believed."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.packages import manifest, manifests, names
from posthouse.packages.manifest import Manifest, Recipient, Sender
from posthouse.packages.manifest_files import FilePart, ManifestBlob, ManifestFile
from posthouse.packages.reading import ManifestError
from posthouse.store import digests, parts
from tests.packages.conftest import upload

MIB = 1024 * 1024
numbers = st.integers(0, 2**32 - 1)


def blob(number: int, size: int, algorithm: str, seed: bytes) -> ManifestBlob:
    part_size = parts.part_size(size)
    pieces = []
    for part in range(parts.part_count(size, part_size)):
        hasher = digests.new(algorithm)
        hasher.update(seed + bytes([part % 256]))
        pieces.append(FilePart(hasher.digest(), part * 7919 % 2**32))
    digest = digests.of_parts(algorithm, [piece.digest for piece in pieces])
    return ManifestBlob(number, size, algorithm, part_size, digest, len(seed), tuple(pieces))


Known = tuple[str, int, str, bytes, bool]
"""Path, size, digest's name and seed of a file, and whether it is in a pack."""


def contents(entries: list[Known]) -> dict[str, Any]:
    """Return files and blobs for a manifest; the packs have two files at most."""
    files, blobs = [], []
    waiting: list[tuple[int, str, int, bytes]] = []
    for number, (path, size, algorithm, seed, packed) in enumerate(entries):
        if packed and size:
            waiting.append((number, path, size, sha256(seed).digest()))
            continue
        blobs.append(blob(number, size, algorithm, seed))
        files.append(ManifestFile(number, path, size, blobs[-1].digest, blobs[-1].crc32, number))
    for at in range(0, len(waiting), 2):
        pack, start = len(entries) + at // 2, 3
        for number, path, size, digest in waiting[at : at + 2]:
            files.append(ManifestFile(number, path, size, digest, number, pack, start))
            start += size
        blobs.append(blob(pack, start, "blake3", b"pack"))
    return {"files": tuple(sorted(files)), "blobs": tuple(blobs)}


def good(path: str) -> bool:
    try:
        names.check(path)
    except names.BadName:
        return False
    return True


text = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=200)
people = st.builds(Recipient, st.uuids(), text.filter(len), text, st.uuids())
files = st.lists(
    st.tuples(
        text.filter(good),
        st.integers(0, 40 * MIB),
        st.sampled_from(sorted(digests.ALGORITHMS)),
        st.binary(),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda entry: entry[0],
).map(contents)


def a_manifest(files: dict[str, Any], **others: Any) -> Manifest:
    return Manifest(**files, **others)


whole = st.builds(
    a_manifest,
    package=st.uuids(),
    title=text.filter(len),
    note=text,
    sender=st.builds(Sender, st.uuids(), text.filter(len), text, text),
    recipients=st.lists(people, min_size=1, max_size=4, unique_by=lambda person: person.id).map(tuple),
    created=st.datetimes(timezones=st.just(UTC)),
    files=files,
    version=st.just(manifest.VERSION),
)


@given(whole)
def test_a_manifest_comes_out_as_it_went_in(given_one):
    assert manifest.loads(manifest.dumps(given_one)) == given_one


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise_anything_but_a_manifest_error(data):
    with pytest.raises(ManifestError):
        manifest.loads(data)
    with pytest.raises(ManifestError):
        manifest.loads(zlib.compress(data))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def document() -> dict:
    return json.loads(zlib.decompress(manifest.dumps(sample())))


def sample() -> Manifest:
    return Manifest(
        package=UUID(int=1),
        title="T",
        note="",
        sender=Sender(UUID(int=2), "alice", "Alice", "alice@example.com"),
        recipients=(Recipient(UUID(int=3), "bob", "Bob", UUID(int=4)),),
        created=datetime(2026, 1, 2, tzinfo=UTC),
        **contents(
            [
                ("a/b.mov", 17 * MIB, "blake3", b"x", False),
                ("small", 10, "blake3", b"y", True),
                ("empty", 0, "blake3", b"", False),
                ("also small", 20, "blake3", b"z", True),
            ]
        ),
    )


def places(node: object, path: tuple = ()) -> list[tuple]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))][bool(not path) :]


@given(st.sampled_from(places(document())), anything)
def test_whatever_stands_in_whichever_place_is_refused_or_makes_a_sound_manifest(place, value):
    broken = document()
    inner = broken
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    data = zlib.compress(json.dumps(broken).encode(errors="replace"))
    try:
        read = manifest.loads(data)
    except ManifestError:
        return
    assert manifest.loads(manifest.dumps(read)) == read


@pytest.mark.parametrize("place", places(document()))
def test_nothing_may_be_missing(place):
    broken = document()
    inner = broken
    for key in place[:-1]:
        inner = inner[key]
    if not isinstance(inner, dict):
        return
    del inner[place[-1]]
    with pytest.raises(ManifestError, match="missing"):
        manifest.loads(zlib.compress(json.dumps(broken).encode()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda files: files[0].update(path="../x"), "leads out"),
        (lambda files: files[0].update(path="/etc/passwd"), "root of a disk"),
        (lambda files: files[1].update(path="a/b.mov"), "twice"),
        (lambda files: files[0].update(size=16 * MIB), "does not fit"),
        (lambda files: files[0].update(size=2**53), "whole number"),
        (lambda files: files[0].update(size=True), "whole number"),
        (lambda files: files[0].update(size=1.0), "whole number"),
        (lambda files: files[0].update(part_size=1), "which is wrong"),
        (lambda files: files[0].update(algorithm="md5"), "not known"),
        (lambda files: files[0].update(digest="AAAA"), "not the digest of its parts"),
        (lambda files: files[0].update(parts=files[0]["parts"][:-4] + "AAAA"), None),
        (lambda files: files[0].update(parts="!"), "base64"),
        (lambda files: files[0].update(crc32=2**32), "whole number"),
        (lambda files: files[0].update(number=4), "whole number"),
        (lambda files: files[0].update(number=1), "one after another"),
        (lambda files: files.pop(), "one after another"),
        (lambda files: files.extend({} for _ in range(50_001)), "more than 50000"),
    ],
)
def test_a_file_that_does_not_hold_together_is_refused(change, words):
    broken = document()
    change(broken["files"])
    data = zlib.compress(json.dumps(broken).encode())
    if words is None:  # the last CRC of a part may be anything; the store compares it
        assert manifest.loads(data).blobs[0].parts[-1].crc32 != sample().blobs[0].parts[-1].crc32
        return
    with pytest.raises(ManifestError, match=words):
        manifest.loads(data)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda pack: pack["files"].clear(), "holds no file"),
        (lambda pack: pack["files"].pop(), "a digest for each"),
        (lambda pack: pack.update(digests=""), "a digest for each"),
        (lambda pack: pack["files"][0].pop(), "not described"),
        (lambda pack: pack["files"].append(None), "not described"),
        (lambda pack: set_member(pack, 0, True), "not described"),
        (lambda pack: set_member(pack, 0, 0), "one after another"),
        (lambda pack: set_member(pack, 0, -1), "one after another"),
        (lambda pack: set_member(pack, 1, "../x"), "leads out"),
        (lambda pack: set_member(pack, 1, "empty"), "twice"),
        (lambda pack: set_member(pack, 1, "a\u202eb"), "hidden character"),
        (lambda pack: set_member(pack, 2, -1), "beyond its pack"),
        (lambda pack: set_member(pack, 2, 24), "beyond its pack"),
        (lambda pack: set_member(pack, 3, 0), "beyond its pack"),
        (lambda pack: set_member(pack, 3, 2**63), "beyond its pack"),
        (lambda pack: set_member(pack, 4, 2**32), "CRC-32"),
        (lambda pack: pack.update(size=0), "does not fit"),
        (lambda pack: pack.update(digest="AAAA"), "not the digest of its parts"),
    ],
)
def test_a_pack_that_does_not_hold_together_is_refused(change, words):
    broken = document()
    change(broken["packs"][0])
    with pytest.raises(ManifestError, match=words):
        manifest.loads(zlib.compress(json.dumps(broken).encode()))


def set_member(pack: dict[str, Any], place: int, value: object) -> None:
    pack["files"][0][place] = value


def test_a_manifest_without_files_is_refused():
    broken = document() | {"files": [], "packs": []}
    with pytest.raises(ManifestError, match="no file"):
        manifest.loads(zlib.compress(json.dumps(broken).encode()))


def test_a_small_stream_that_grows_without_end_is_stopped():
    bomb = zlib.compress(b"[" + b" " * 50_000_000, 9)
    assert len(bomb) < 60_000
    with pytest.raises(ManifestError, match="larger than 1000000 bytes"):
        manifest.loads(bomb, limit=1_000_000)


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 200_000,
        b"1" * 10_000,
        b'{"version": NaN}',
        b'{"version": Infinity}',
        b"\xff",
        b"{}",
        b"[]",
        b"null",
        b'{"version": 2}',
    ],
)
def test_json_that_is_made_to_hurt_is_refused(text):
    with pytest.raises(ManifestError):
        manifest.loads(zlib.compress(text))


@pytest.mark.parametrize("tail", [b"x", manifest.dumps(sample())])
def test_nothing_may_follow_a_manifest(tail):
    with pytest.raises(ManifestError, match="follows"):
        manifest.loads(manifest.dumps(sample()) + tail)


def test_a_time_that_no_clock_shows_is_refused():
    for moment in ["0001-01-01T00:00:00+23:59", "2026-01-01T00:00:00", "yesterday"]:
        with pytest.raises(ManifestError):
            manifest.loads(zlib.compress(json.dumps(document() | {"created": moment}).encode()))


def test_the_manifest_of_a_package_tells_all_of_it(draft, alice, bob, tokyo):
    package = upload(draft("alice", "bob", title="T", note="N", files=(("a/b.mov", 17 * MIB), ("empty", 0))))
    made = manifests.of(package)
    assert manifest.loads(manifest.dumps(made)) == made
    assert (made.package, made.title, made.note, made.sender.id) == (package.pk, "T", "N", alice.pk)
    assert {(person.id, person.home) for person in made.recipients} == {(alice.pk, alice.home_id), (bob.pk, tokyo.pk)}
    assert [(made.files[one.number].path, one.size, len(one.parts)) for one in made.blobs] == [
        ("a/b.mov", 17 * MIB, 2),
        ("empty", 0, 0),
    ]


def test_the_manifest_of_many_files_takes_few_queries(draft, django_assert_max_num_queries):
    package = upload(draft(files=tuple((f"{number}", 1) for number in range(30))))
    with django_assert_max_num_queries(7):
        assert len(manifests.of(package).files) == 30


def test_a_package_that_is_uploading_has_no_manifest_yet(draft):
    with pytest.raises(ValueError, match="not closed"):
        manifests.of(draft())


def test_mixed_digests_in_one_package_are_told_apart():
    mixed = replace(sample(), **contents([("a", 5, "blake3", b"", False), ("b", 5, "sha256", b"", False)]))
    assert [entry.algorithm for entry in manifest.loads(manifest.dumps(mixed)).blobs] == ["blake3", "sha256"]
