"""What the far side lets a sender do, and what it refuses."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.cluster import signatures
from posthouse.cluster.errors import Kind, Refusal, Refused, VersionDiffers
from posthouse.cluster.models import Server
from posthouse.cluster.signatures import Caller
from posthouse.lib.ids import uuid7
from posthouse.packages import manifest as manifests
from posthouse.packages.models import Package
from posthouse.relays import fences, intake, receiver, wire
from posthouse.relays.models import Arrival, ArrivalFile
from posthouse.store import blobs, disk
from posthouse.store.errors import DigestMismatch, StoreFull
from posthouse.store.models import Blob, Part
from tests.relays.conftest import PART, Tokyo, Wire, arrived, digest, nothing_to_see

pytestmark = pytest.mark.django_db(transaction=True)

Send = Callable[..., Tokyo]
MakeCaller = Callable[..., Caller]


@pytest.fixture
def arriving(tokyo_sends: Send) -> Tokyo:
    """A relay of a file of two parts, and one of 10 bytes, whose manifest is here."""
    tokyo = tokyo_sends(PART + 100, 10)
    far = tokyo.far()
    far.offer(tokyo.manifest.package, tokyo.manifest.size)
    far.manifest(manifests.dumps(tokyo.manifest))
    return tokyo


def put(tokyo: Tokyo, caller: Caller, number: int, data: bytes) -> None:
    """Send a part of the first file."""
    part = intake.begin(caller, tokyo.relay, 0, number, len(data))
    assert part is not None
    try:
        part.write(data)
        part.finish()
    finally:
        part.close()


def first(tokyo: Tokyo) -> bytes:
    return tokyo.contents[0][:PART]


def test_another_server_may_not_touch_the_relay(arriving: Tokyo, caller: MakeCaller, rio: Server) -> None:
    stranger = caller(server=rio, data=first(arriving))
    for act in (
        lambda: receiver.offer(stranger, arriving.relay, arriving.manifest.package),
        lambda: receiver.take_manifest(stranger, arriving.relay, b""),
        lambda: intake.begin(stranger, arriving.relay, 0, 0, PART),
        lambda: intake.take_bundle(stranger, arriving.relay, b""),
        lambda: receiver.commit(stranger, arriving.relay),
        lambda: receiver.withdraw(stranger, arriving.relay),
    ):
        with pytest.raises(Refusal, match="not one of rio's") as refused:
            act()
        assert refused.value.status == 403
    assert Arrival.objects.get().source.name == "tokyo"


def test_another_server_cannot_bring_a_package_under_an_id_that_is_taken(
    tokyo_sends: Send, caller: MakeCaller, rio: Server
) -> None:
    tokyo = tokyo_sends(10)
    tokyo.send()
    with pytest.raises(Refusal, match="Another package has the id"):
        receiver.offer(caller(server=rio), uuid7(), tokyo.manifest.package)


def test_a_sender_that_was_overtaken_is_refused(arriving: Tokyo, caller: MakeCaller) -> None:
    fences.enter(caller(fence=3), arriving.relay)
    old = caller(fence=2, data=first(arriving))
    for act in (
        lambda: receiver.offer(old, arriving.relay, arriving.manifest.package),
        lambda: intake.begin(old, arriving.relay, 0, 0, PART),
        lambda: receiver.commit(old, arriving.relay),
        lambda: receiver.withdraw(old, arriving.relay),
    ):
        with pytest.raises(Refusal, match="taken over") as refused:
            act()
        assert (refused.value.status, refused.value.code) == (409, "fence")


def test_a_part_of_a_sender_that_is_overtaken_while_it_sends_is_not_recorded(
    arriving: Tokyo, caller: MakeCaller
) -> None:
    part = intake.begin(caller(fence=1, data=first(arriving)), arriving.relay, 0, 0, PART)
    part.write(first(arriving))
    fences.enter(caller(fence=2), arriving.relay)
    with pytest.raises(Refusal) as refused:
        part.finish()
    part.close()
    assert refused.value.status == 409
    assert not Part.objects.exists()


def test_for_a_part_the_manifest_is_not_looked_at(arriving: Tokyo, caller: MakeCaller) -> None:
    with CaptureQueriesContext(connection) as captured:
        part = intake.begin(caller(fence=1, data=first(arriving)), arriving.relay, 0, 0, PART)
        part.write(first(arriving))
        part.finish()
        part.close()
    assert Part.objects.count() == 1
    assert not [query for query in captured if "manifest" in query["sql"]]


def test_a_part_is_written_by_one_connection_at_a_time(arriving: Tokyo, caller: MakeCaller) -> None:
    data = first(arriving)
    frozen = intake.begin(caller(data=data), arriving.relay, 0, 0, PART)
    with pytest.raises(Refusal, match="still sending") as refused:
        intake.begin(caller(fence=2, data=data), arriving.relay, 0, 0, PART)
    assert (refused.value.status, refused.value.kind) == (423, Kind.TEMPORARY)
    put(arriving, caller(fence=2, data=arriving.contents[0][PART:]), 1, arriving.contents[0][PART:])  # another part
    frozen.close()
    put(arriving, caller(fence=2, data=data), 0, data)


def test_a_part_that_is_here_is_never_written_again(arriving: Tokyo, caller: MakeCaller) -> None:
    data = first(arriving)
    put(arriving, caller(data=data), 0, data)
    assert intake.begin(caller(fence=2, data=b"other"), arriving.relay, 0, 0, PART) is None


def test_a_part_with_another_digest_than_announced_is_refused(arriving: Tokyo, caller: MakeCaller) -> None:
    with pytest.raises(DigestMismatch):
        put(arriving, caller(data=b"announced"), 0, first(arriving))
    assert not Part.objects.exists()


def test_a_part_that_is_not_the_manifests_is_asked_for_again_at_the_commit(arriving: Tokyo, caller: MakeCaller) -> None:
    wrong = b"x" * PART  # well announced, but not what the manifest says
    put(arriving, caller(data=wrong), 0, wrong)
    rest = arriving.contents[0][PART:]
    put(arriving, caller(data=rest), 1, rest)
    small = arriving.contents[1]
    intake.take_bundle(caller(), arriving.relay, wire.pack([wire.Item(1, 0, digest(small), small)]))
    standing = receiver.commit(caller(), arriving.relay)
    assert standing == wire.Standing("arriving", [wire.Gap(0, 0, 0)])
    assert nothing_to_see()
    put(arriving, caller(data=first(arriving)), 0, first(arriving))
    assert receiver.commit(caller(), arriving.relay).state == "committed"
    assert arrived(arriving.manifest.package) == arriving.contents


@pytest.mark.parametrize(
    ("file", "part", "length", "sentence"),
    [
        (0, 0, PART - 1, "has 65536 bytes, not 65535"),
        (0, 2, 1, "has no part 2"),
        (7, 0, 1, "has no file 7"),
    ],
)
def test_parts_that_the_package_does_not_have_are_refused(
    arriving: Tokyo, caller: MakeCaller, file: int, part: int, length: int, sentence: str
) -> None:
    with pytest.raises(Refusal, match=sentence):
        intake.begin(caller(), arriving.relay, file, part, length)


def test_a_bundle_with_one_bad_part_brings_none_of_them(arriving: Tokyo, caller: MakeCaller) -> None:
    rest, small = arriving.contents[0][PART:], arriving.contents[1]
    bundle = wire.pack([wire.Item(0, 1, digest(rest), rest), wire.Item(1, 0, digest(b"other"), small)])
    with pytest.raises(Refusal, match="arrived damaged") as refused:
        intake.take_bundle(caller(), arriving.relay, bundle)
    assert (refused.value.status, refused.value.code) == (422, "digest")
    assert not Part.objects.exists()


def test_a_commit_with_missing_parts_makes_nothing_and_names_them(arriving: Tokyo, caller: MakeCaller) -> None:
    assert receiver.commit(caller(), arriving.relay) == wire.Standing(
        "arriving", [wire.Gap(0, 0, 1), wire.Gap(1, 0, 0)]
    )
    assert nothing_to_see()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda document: document["files"][0].update(path="../../etc/passwd"), "cannot be taken"),
        (lambda document: document["files"][0].update(size=PART), "list of parts does not fit"),
        (lambda document: document["files"][0].update(digest=document["files"][1]["digest"]), "not the digest of"),
        (lambda document: document["files"][0].update(crc32=1), "CRC-32"),
        (lambda document: document.update(package=str(uuid7())), "another package than was offered"),
        (lambda document: document.update(recipients=[]), "no recipient"),
    ],
)
def test_a_manifest_that_does_not_hold_together_is_refused_for_good(
    tokyo_sends: Send, change: Callable[[dict[str, Any]], None], sentence: str
) -> None:
    tokyo = tokyo_sends(PART + 100, 10)
    document = json.loads(zlib.decompress(manifests.dumps(tokyo.manifest)))
    change(document)
    tokyo.far().offer(tokyo.manifest.package, 1)
    with pytest.raises(Refused, match=sentence) as refused:
        tokyo.far().manifest(zlib.compress(json.dumps(document).encode()))
    assert refused.value.kind is Kind.PERMANENT
    assert not Blob.objects.exists()


def test_a_manifest_for_which_there_is_no_room_is_an_administrators_matter(
    tokyo_sends: Send, monkeypatch: pytest.MonkeyPatch, store: Any
) -> None:
    tokyo = tokyo_sends(PART)
    tokyo.far().offer(tokyo.manifest.package, 1)
    monkeypatch.setattr(disk.Disk, "free", lambda _disk: PART - 1)
    with pytest.raises(Refused, match="no room for these 65536 bytes") as refused:
        tokyo.send()
    assert (refused.value.status, refused.value.kind) == (507, Kind.ADMINISTRATOR)
    assert not Blob.objects.exists()
    assert not [path for path in store.rglob("*") if path.is_file()]
    monkeypatch.undo()


def test_a_disk_that_fills_up_keeps_what_has_arrived(
    tokyo_sends: Send, monkeypatch: pytest.MonkeyPatch, line: Wire
) -> None:
    tokyo = tokyo_sends(8 * PART)
    room = [3]
    write_at = disk.write_at

    def fill(*args: Any) -> None:
        if not room[0]:
            raise StoreFull
        room[0] -= 1
        write_at(*args)

    with monkeypatch.context() as full:
        full.setattr(disk, "write_at", fill)
        with pytest.raises(Refused, match="no room left") as refused:
            tokyo.send()
    assert (refused.value.status, refused.value.kind) == (507, Kind.ADMINISTRATOR)
    assert Part.objects.count() == 3
    line.carried.clear()
    tokyo.send(fence=2)
    assert sum(count for step, count in line.carried.items() if "parts/" in step) == 5
    assert arrived(tokyo.manifest.package) == tokyo.contents


def test_a_sender_of_another_version_is_told_both_versions(arriving: Tokyo, monkeypatch: pytest.MonkeyPatch) -> None:
    verify = signatures.verify

    def other_version(*args: Any) -> Caller:
        caller = verify(*args)
        return Caller(caller.server, "99.0", caller.algorithm, caller.digest, caller.fence)

    monkeypatch.setattr(signatures, "verify", other_version)
    with pytest.raises(VersionDiffers, match=r"tokyo runs version 99\.0, paris runs"):
        arriving.far().offer(arriving.manifest.package, 1)


def test_a_withdrawn_relay_leaves_nothing(arriving: Tokyo, caller: MakeCaller, store: Any) -> None:
    put(arriving, caller(data=first(arriving)), 0, first(arriving))
    arriving.far().withdraw()
    assert not Arrival.objects.exists()
    assert not ArrivalFile.objects.exists()
    assert not Blob.objects.exists()
    assert not [path for path in store.rglob("*") if path.is_file()]
    arriving.far().withdraw()  # again, for the answer may have been lost


def test_a_package_that_has_arrived_cannot_be_withdrawn(tokyo_sends: Send) -> None:
    tokyo = tokyo_sends(10)
    tokyo.send()
    with pytest.raises(Refused, match="arrived completely") as refused:
        tokyo.far().withdraw()
    assert refused.value.code == "committed"
    assert Package.objects.exists()


def test_a_part_that_comes_while_the_relay_is_withdrawn_is_not_recorded(arriving: Tokyo, caller: MakeCaller) -> None:
    part = intake.begin(caller(data=first(arriving)), arriving.relay, 0, 0, PART)
    part.write(first(arriving))
    arriving.far().withdraw()
    with pytest.raises(Refusal):
        part.finish()
    part.close()
    assert not Part.objects.exists()


def test_arrivals_that_nobody_goes_on_with_are_forgotten_after_14_days(
    arriving: Tokyo, caller: MakeCaller, store: Any
) -> None:
    Arrival.objects.update(updated_at=timezone.now() - timedelta(days=15))
    put(arriving, caller(data=first(arriving)), 0, first(arriving))  # progress
    assert receiver.forget_abandoned() == 0
    Arrival.objects.update(updated_at=timezone.now() - timedelta(days=15))
    assert receiver.forget_abandoned() == 1
    assert not Blob.objects.exists()
    assert not [path for path in store.rglob("*") if path.is_file()]


def test_the_note_of_a_committed_relay_goes_and_its_package_stays(tokyo_sends: Send) -> None:
    tokyo = tokyo_sends(10)
    tokyo.send()
    Arrival.objects.update(updated_at=timezone.now() - timedelta(days=15))
    assert receiver.forget_abandoned() == 1
    assert arrived(tokyo.manifest.package) == tokyo.contents
    tokyo.send(fence=9)  # asked once more, it says that all is done
    assert Package.objects.count() == 1


def test_calls_without_a_fencing_number_are_refused(arriving: Tokyo, caller: MakeCaller) -> None:
    with pytest.raises(Refusal, match="fencing"):
        receiver.commit(caller(fence=None), arriving.relay)


def test_the_bytes_of_an_arrival_are_nobodys_to_download(arriving: Tokyo, caller: MakeCaller, alice: User) -> None:
    put(arriving, caller(data=first(arriving)), 0, first(arriving))
    assert nothing_to_see()
    assert not alice.deliveries.exists()
    assert blobs.have(ArrivalFile.objects.get(number=0).blob) == {0}
