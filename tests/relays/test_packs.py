"""Small files that travel together in packs: large files for the relay, and none at all for the recipient."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable

import pytest

from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.lib.ids import uuid7
from posthouse.packages import ending, forwarding
from posthouse.packages import manifest as manifests
from posthouse.packages.manifest import Manifest
from posthouse.packages.manifest_files import ManifestFile
from posthouse.packages.models import File, Package
from posthouse.relays import known
from posthouse.relays.models import Arrival, ArrivalFile
from posthouse.store import digests
from posthouse.store.models import Blob
from tests.relays.conftest import PART, Tokyo, Wire, contents_of, describe, digest

pytestmark = pytest.mark.django_db(transaction=True)

GAP = b"put there in vain"


class Packed(Tokyo):
    """Sends files of which the small ones are in packs of two."""

    files: list[bytes]


@pytest.fixture
def packed(line: Wire, here: Server, bob: User, alice: User) -> Callable[..., Packed]:
    def make(*sizes: int, small: int = 5000) -> Packed:
        files = contents_of(*sizes)
        inside = [number for number, data in enumerate(files) if 0 < len(data) <= small]
        groups = [inside[at : at + 2] for at in range(0, len(inside), 2)]
        packs = [GAP + b"".join(files[number] for number in group) for group in groups]
        whole = describe([*files, *packs], bob, alice)
        places = {}
        for at, group in enumerate(groups, len(files)):
            start = len(GAP)
            for number in group:
                places[number] = (at, start)
                start += len(files[number])
        one = Packed(here, [*files, *packs], _into(whole, files, places))
        one.files = files
        return one

    return make


def _into(whole: Manifest, files: list[bytes], places: dict[int, tuple[int, int]]) -> Manifest:
    told = []
    for number, data in enumerate(files):
        file = whole.files[number]
        if number in places:
            proof = digests.of_parts("blake3", [digest(data)])
            file = ManifestFile(number, file.path, len(data), proof, zlib.crc32(data), *places[number])
        told.append(file)
    blobs = tuple(blob for blob in whole.blobs if blob.number not in places)
    return dataclasses.replace(whole, files=tuple(told), blobs=blobs)


MIXED = (3 * PART + 17, 0, 5, 1000, PART, 1, 2 * PART, 4000)


def read(package: Package) -> list[bytes]:
    files = package.files.select_related("blob").order_by("number")
    return [b"".join(file.read(0, file.size)) for file in files]


def is_whole(tokyo: Packed) -> Package:
    package = Package.objects.get(pk=tokyo.manifest.package)
    assert read(package) == tokyo.files
    assert (package.size, package.file_count) == (sum(map(len, tokyo.files)), len(tokyo.files))
    told = {file.number: (file.digest, file.crc32) for file in package.files.select_related("blob")}
    assert told == {file.number: (file.digest, file.crc32) for file in tokyo.manifest.files}
    assert not ArrivalFile.objects.exists()
    assert set(Blob.objects.values_list("state", flat=True)) == {"complete"}
    return package


def test_a_package_arrives_whole(packed: Callable[..., Packed]) -> None:
    tokyo = packed(*MIXED)
    tokyo.send()
    is_whole(tokyo)
    assert Blob.objects.count() == len(tokyo.manifest.blobs) == 6


def test_a_package_of_nothing_but_small_files_arrives(packed: Callable[..., Packed], line: Wire) -> None:
    tokyo = packed(*range(1, 50))
    tokyo.send()
    is_whole(tokyo)
    assert File.objects.count() == 49
    assert line.carried["PUT bundle"] == 1, "these packs are small themselves"


def test_every_call_may_be_made_twice_and_every_answer_lost(packed: Callable[..., Packed], line: Wire) -> None:
    line.twice = True
    line.drop = set()
    tokyo = packed(*MIXED)
    tokyo.send()
    is_whole(tokyo)


def test_a_pack_that_is_here_does_not_travel_again(
    packed: Callable[..., Packed], line: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "LEAST", 1)
    first = packed(*MIXED)
    first.send()
    line.carried.clear()
    second = Packed(first.here, first.contents, dataclasses.replace(first.manifest, package=uuid7()))
    second.files = first.files
    second.send()
    is_whole(second)
    assert not [step for step in line.carried if step.startswith(("PUT parts", "PUT bundle"))]


def test_its_bytes_go_with_the_last_package_that_has_them(packed: Callable[..., Packed], alice: User) -> None:
    tokyo = packed(*MIXED)
    tokyo.send()
    first = Package.objects.get()
    second = forwarding.forward(alice, first, "Again", "", ["alice"])
    assert read(second) == tokyo.files
    ending.end(first.pk, Package.End.DELETED)
    ending.free()
    assert read(second) == tokyo.files
    ending.end(second.pk, Package.End.DELETED)
    ending.free()
    assert not Blob.objects.exists()


def test_what_was_withdrawn_leaves_nothing(packed: Callable[..., Packed]) -> None:
    tokyo = packed(*MIXED)
    far = tokyo.far()
    far.offer(tokyo.manifest.package, tokyo.manifest.size)
    far.manifest(manifests.dumps(tokyo.manifest))
    far.withdraw()
    assert [model.objects.count() for model in (Blob, Arrival, ArrivalFile)] == [0, 0, 0]
