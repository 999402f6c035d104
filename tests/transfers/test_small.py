"""Small files that come whole with the request that creates their upload: all of it, or nothing; many in one pack."""

from __future__ import annotations

import base64
import errno
import hashlib
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.db import IntegrityError

from posthouse.packages import ending, lifecycle, manifest, manifests, rights
from posthouse.packages.models import File, Package
from posthouse.store import blobs, digests, disk, packs, parts
from posthouse.store.errors import StoreBroken
from posthouse.store.models import Blob, Part
from posthouse.transfers import making
from posthouse.transfers.errors import Busy, Refused
from posthouse.transfers.models import Upload
from tests.transfers.driver import CUT

HERE = "192.0.2.7"
BODY = "application/offset+octet-stream"
DATA = bytes(range(256)) * 40


pytestmark = pytest.mark.usefixtures("own_packs")


def stored() -> list[Path]:
    root: Path = settings.POSTHOUSE.store
    return [path for path in root.rglob("*") if path.is_file()]


def the_file(package: Package, number: int = 0) -> File:
    return package.files.get(number=number)


def nothing_is_here() -> bool:
    return not (Blob.objects.exists() or Part.objects.exists() or Upload.objects.exists())


def read(file: File) -> bytes:
    return b"".join(file.read(0, file.size))


def send(package: Package, number: int, data: bytes) -> Upload:
    """Upload a file in one step."""
    file = the_file(package, number)
    claim = making.Claim(rights.issue(package), HERE)
    return making.make(claim, making.tus.Creation(file.id, len(data), ""), data)


def test_a_small_file_is_here_with_its_digests_and_closes_its_package(make_package, tus) -> None:
    package = make_package(("a", len(DATA)), ("b", len(DATA)))
    client = tus(package)
    for number in (0, 1):
        answer = client.create(the_file(package, number), [DATA[:7], DATA[7:]], Content_Type=BODY)
        assert (answer.status, answer.headers["upload-offset"]) == (201, str(len(DATA)))
    package.refresh_from_db()
    assert package.status == Package.Status.COMPLETE
    for file in package.files.select_related("blob"):
        whole = digests.new("blake3")
        whole.update(DATA)
        assert read(file) == DATA
        assert (file.digest, file.crc32) == (digests.of_parts("blake3", [whole.digest()]), zlib.crc32(DATA))


def test_all_of_them_are_in_one_blob_which_is_one_like_others(make_package) -> None:
    package = make_package(*((str(number), number + 1) for number in range(20)))
    datas = [bytes([number]) * (number + 1) for number in range(20)]
    for number, data in enumerate(datas):
        send(package, number, data)
    assert [read(file) for file in package.files.select_related("blob")] == datas
    pack = Blob.objects.get()
    assert (pack.state, pack.size) == (Blob.State.COMPLETE, sum(map(len, datas)))
    assert len(stored()) == Part.objects.count() == 1
    Blob.objects.update(state=Blob.State.ARRIVING, digest=b"", crc32=0)
    again = blobs.complete(Blob.objects.get())
    assert (bytes(again.digest), again.crc32) == (bytes(pack.digest), pack.crc32)


def test_a_pack_that_is_full_is_sealed_at_once(make_package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART", 1000)
    monkeypatch.setattr(packs, "TOGETHER", 400)
    package = make_package(*((str(number), 400) for number in range(6)))
    for number in range(5):
        send(package, number, bytes([number]) * 400)
    states = list(Blob.objects.order_by("pk").values_list("state", "size"))
    assert states == [(Blob.State.COMPLETE, 800), (Blob.State.COMPLETE, 800), (Blob.State.ARRIVING, 0)]
    send(package, 5, b"5" * 400)
    assert set(Blob.objects.values_list("state", flat=True)) == {Blob.State.COMPLETE}
    assert read(the_file(package, 3)) == b"\3" * 400


def test_what_a_dead_process_left_is_sealed_at_the_end(make_package) -> None:
    package = make_package(("a", 5), ("b", 5))
    send(package, 0, b"first")
    packs._open.clear()
    send(package, 1, b"other")
    assert [blob.state for blob in Blob.objects.all()] == [Blob.State.COMPLETE] * 2
    assert [read(file) for file in package.files.all()] == [b"first", b"other"]


def test_what_was_put_there_in_vain_is_a_gap(make_package, monkeypatch: pytest.MonkeyPatch) -> None:
    package = make_package(("a", 5), ("b", 5), ("c", 5))
    send(package, 0, b"first")
    with monkeypatch.context() as patch:
        patch.setattr(lifecycle, "file_arrived", lambda *_: False)
        with pytest.raises(making.RightEnded):
            send(package, 1, b"never")
    send(package, 1, b"other")
    send(package, 2, b"third")
    assert [read(file) for file in package.files.all()] == [b"first", b"other", b"third"]
    assert [file.start for file in package.files.all()] == [0, 10, 15]
    assert Blob.objects.get().size == 20


def test_a_disk_that_lost_what_it_had_taken_closes_no_package(make_package) -> None:
    package = make_package(("a", 5), ("b", 5))
    send(package, 0, b"first")
    [pack] = stored()
    pack.write_bytes(b"fir?t")
    with pytest.raises(Refused, match="lost bytes"):
        send(package, 1, b"other")
    package.refresh_from_db()
    assert package.status == Package.Status.UPLOADING
    assert the_file(package, 1).blob is None


def test_after_a_write_that_failed_another_pack_is_used(make_package, monkeypatch: pytest.MonkeyPatch) -> None:
    package = make_package(("a", 5), ("b", 5), ("c", 5))
    send(package, 0, b"first")

    def fail(descriptor: int) -> None:
        raise StoreBroken(OSError(errno.EIO, "does not answer"))

    with monkeypatch.context() as patch:
        patch.setattr(disk, "sync", fail)
        with pytest.raises(Refused, match="does not answer"):
            send(package, 1, b"lost!")
    send(package, 1, b"other")
    assert len({file.blob_id for file in package.files.filter(number__lt=2)}) == 2


def test_a_pack_to_which_nothing_came_for_long_takes_nothing_more(
    make_package, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = make_package(("a", 5), ("b", 5), ("c", 5))
    send(package, 0, b"first")
    monkeypatch.setattr(packs, "IDLE_SECONDS", -1.0)
    send(package, 1, b"other")
    assert len(stored()) == 2


def test_no_more_packs_are_open_than_a_process_may_have(make_package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "OPEN", 2)
    many = [make_package(("a", 5), ("b", 5)) for _ in range(4)]
    for package in many:
        send(package, 0, b"first")
    assert len(packs._open) == 2
    for package in many:
        send(package, 1, b"other")
        assert [read(file) for file in package.files.all()] == [b"first", b"other"]


def test_many_at_once_do_not_write_over_each_other(make_package) -> None:
    package = make_package(*((f"{number:02}", 1000 + number) for number in range(40)))
    datas = [bytes([number]) * (1000 + number) for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: _closing(lambda: send(package, number, datas[number])), range(40)))
    assert [read(file) for file in package.files.order_by("number")] == datas


def test_a_store_without_room_says_so(make_package, monkeypatch: pytest.MonkeyPatch) -> None:
    package = make_package(("a", 5))
    monkeypatch.setattr(blobs, "free", lambda: 4)
    with pytest.raises(Refused, match="no room") as refused:
        send(package, 0, b"first")
    assert refused.value.status == 507


def test_its_manifest_tells_of_the_pack(make_package) -> None:
    package = make_package(*((str(number), number) for number in range(5)))
    for number in range(1, 5):
        send(package, number, bytes(number))
    package.refresh_from_db()
    made = manifests.of(package)
    assert manifest.loads(manifest.dumps(made)) == made
    assert [(file.size, file.blob, file.start) for file in made.files] == [
        (0, 0, None),
        *((number, 5, sum(range(number))) for number in range(1, 5)),
    ]
    assert [(blob.number, blob.size) for blob in made.blobs] == [(0, 0), (5, 10)]


def test_when_a_package_ends_its_pack_goes(make_package) -> None:
    package = make_package(("a", 5), ("b", 5))
    for number in (0, 1):
        send(package, number, b"12345")
    ending.end(package.pk, Package.End.DELETED)
    ending.free()
    assert not Blob.objects.exists()
    assert not stored()
    assert the_file(package).blob is None


def test_a_package_that_is_given_up_leaves_no_pack(make_package) -> None:
    package = make_package(("a", 5), ("b", 5))
    send(package, 0, b"12345")
    assert lifecycle.give_up(package, "Nothing came.")
    assert nothing_is_here()
    assert not stored()


def test_it_costs_one_transaction(make_package, django_assert_max_num_queries) -> None:
    package = make_package(("a", len(DATA)), ("b", 1))
    wanted = making.tus.Creation(the_file(package).id, len(DATA), "")
    with django_assert_max_num_queries(20):
        making.make(making.Claim(rights.issue(package), HERE), wanted, DATA)


def test_of_a_small_file_that_is_cut_short_nothing_is_kept(make_package, tus) -> None:
    package = make_package(("a", len(DATA)))
    client = tus(package)
    length = {"Content_Length": str(len(DATA))}
    client.create(the_file(package), [DATA[:100], CUT], Content_Type=BODY, **length)
    assert nothing_is_here()
    short = client.create(the_file(package), [DATA[:100]], Content_Type=BODY, **length)
    assert (short.status, "fewer bytes" in short.error) == (400, True)
    long = client.create(the_file(package), [DATA, b"more"], Content_Type=BODY, **length)
    assert long.status == 413
    assert nothing_is_here()
    assert client.create(the_file(package), DATA, Content_Type=BODY).status == 201


def test_a_wrong_checksum_leaves_no_trace(make_package, tus) -> None:
    package = make_package(("a", len(DATA)))
    client = tus(package)
    checksum = "sha256 " + base64.b64encode(hashlib.sha256(DATA).digest()).decode()
    damaged = client.create(the_file(package), DATA[:-1] + b"?", Content_Type=BODY, Upload_Checksum=checksum)
    assert damaged.status == 460
    assert nothing_is_here()
    answer = client.create(the_file(package), DATA, Content_Type=BODY, Upload_Checksum=checksum)
    assert answer.headers["upload-offset"] == str(len(DATA))


def test_without_a_right_no_byte_is_waited_for(make_package, tus) -> None:
    package = make_package(("a", len(DATA)))
    client = tus(package)
    client.right = "forged"
    answer = client.create(the_file(package), [], Content_Type=BODY, Content_Length=str(len(DATA)))
    assert answer.status == 403
    assert nothing_is_here()


def test_a_package_that_was_given_up_meanwhile_takes_nothing(make_package, monkeypatch: pytest.MonkeyPatch) -> None:
    package = make_package(("a", len(DATA)))
    file = the_file(package)
    real = packs.room

    def given_up_meanwhile(owner: UUID, files: list[bytes]) -> Any:
        lifecycle.give_up(package, "Nothing came.")
        return real(owner, files)

    monkeypatch.setattr(packs, "room", given_up_meanwhile)
    with pytest.raises(making.RightEnded):
        making.make(making.Claim(rights.issue(package), HERE), making.tus.Creation(file.id, file.size, ""), DATA)
    assert nothing_is_here()


def test_a_disk_that_fails_is_told_and_leaves_nothing(make_package, tus, monkeypatch: pytest.MonkeyPatch) -> None:
    package = make_package(("a", len(DATA)))

    def fail(descriptor: int) -> None:
        raise StoreBroken(OSError(errno.EIO, "does not answer"))

    with monkeypatch.context() as patch:
        patch.setattr(disk, "sync", fail)
        answer = tus(package).create(the_file(package), DATA, Content_Type=BODY)
    assert (answer.status, "does not answer" in answer.error) == (500, True)
    assert nothing_is_here()


def test_of_two_that_bring_a_file_at_once_one_is_kept(make_package) -> None:
    package = make_package(("a", len(DATA)), ("b", 1))
    file = the_file(package)
    claim, wanted = making.Claim(rights.issue(package), HERE), making.tus.Creation(file.id, file.size, "")
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: _closing(lambda: making.make(claim, wanted, DATA)), range(4)))
    assert len({upload.pk for upload in made}) == 1
    assert all(upload.offset == len(DATA) for upload in made)
    send(package, 1, b"1")
    assert read(the_file(package)) == DATA


def test_an_upload_that_had_begun_goes_on_as_it_was(make_package, tus) -> None:
    package = make_package(("a", len(DATA)))
    client = tus(package)
    path = client.create(the_file(package)).headers["location"]
    client.patch(path, 0, DATA[:1000])
    again = client.create(the_file(package), DATA, Content_Type=BODY)
    assert (again.status, again.headers["upload-offset"]) == (201, "1000")
    assert client.patch(path, 1000, DATA[1000:]).status == 204
    file = the_file(package)
    assert file.blob is not None
    assert b"".join(blobs.read(file.blob)) == DATA


def test_what_is_no_small_file_is_refused(db: None) -> None:
    too_many = [bytes(packs.MOST)] * (packs.TOGETHER // packs.MOST + 1)
    for files in ([], [b""], [bytes(packs.MOST + 1)], [b"1", b""], too_many):
        with pytest.raises(ValueError, match="no small file"), packs.room(uuid4(), files):
            pass


def _closing(call: Any) -> Any:
    from django.db import connection

    try:
        return call()
    finally:
        connection.close()


def test_who_is_always_too_late_is_told_to_come_again(make_package, monkeypatch: pytest.MonkeyPatch) -> None:
    package = make_package(("a", 5))
    tried = []

    def late(*_: Any) -> None:
        tried.append(1)
        raise IntegrityError

    monkeypatch.setattr(making, "_take_whole", late)
    with pytest.raises(Busy):
        send(package, 0, b"first")
    assert len(tried) == making.TRIES
