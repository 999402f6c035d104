"""Bundles: many small files in one request, with one trip to the disk and one to the database."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import struct
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.db import connection

from posthouse.accounts.encryption import EncryptionRule
from posthouse.lib import bundles
from posthouse.lib.bundles import Item
from posthouse.packages import lifecycle, rights
from posthouse.packages.models import File, Package
from posthouse.store import blobs, digests, disk, packs
from posthouse.store.errors import StoreBroken
from posthouse.store.models import Blob
from posthouse.transfers import bundles as taking
from posthouse.transfers import making, tus
from posthouse.transfers.errors import NotFound, RightEnded
from posthouse.transfers.models import Upload
from tests.transfers.driver import CUT, Answer, ask

pytestmark = pytest.mark.usefixtures("own_packs")
HERE = "192.0.2.7"
BODY = "application/offset+octet-stream"
DATAS = {number: bytes([number + 65]) * (number + 1) * 1000 for number in range(5)}


@pytest.fixture
def package(make_package) -> Package:
    """Five small files are to come, and one more, so that the package stays open."""
    made: Package = make_package(*((str(number), len(data)) for number, data in DATAS.items()), ("last", 4))
    return made


def claim(package: Package) -> making.Claim:
    return making.Claim(rights.issue(package), HERE)


def items(package: Package) -> list[Item]:
    ids = dict(package.files.values_list("number", "pk"))
    return [Item(ids[number], data) for number, data in DATAS.items()]


def contents(package: Package) -> dict[int, bytes]:
    """What is on the disk: packs are read so before they are sealed."""
    found = {}
    for file in package.files.exclude(blob=None):
        assert file.blob_id is not None
        start = file.start or 0
        found[file.number] = blobs.local().path(file.blob_id).read_bytes()[start : start + file.size]
    return found


def said(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer
    found: dict[str, Any] = json.loads(answer.body)
    return found


def stored() -> list[Path]:
    root: Path = settings.POSTHOUSE.store
    return [path for path in root.rglob("*") if path.is_file()]


def nothing_is_here() -> bool:
    return not (Blob.objects.exists() or Upload.objects.exists() or File.objects.exclude(blob=None).exists())


def test_all_files_of_a_bundle_are_here_in_one_pack_with_their_digests(package, tus) -> None:
    answer = said(tus(package).bundle(DATAS))
    assert answer == {"here": [str(item.file) for item in items(package)], "others": []}
    assert contents(package) == DATAS
    assert len(stored()) == Blob.objects.count() == 1
    assert not Upload.objects.exists()
    for file in package.files.filter(number__in=DATAS):
        whole = digests.new("blake3")
        whole.update(DATAS[file.number])
        assert file.digest == digests.of_parts("blake3", [whole.digest()])
        assert file.crc32 == zlib.crc32(DATAS[file.number])


def test_the_last_one_closes_the_package(package, tus) -> None:
    client = tus(package)
    client.bundle({5: b"last"})
    package.refresh_from_db()
    assert package.status == Package.Status.UPLOADING
    said(client.bundle(DATAS))
    package.refresh_from_db()
    assert package.status == Package.Status.COMPLETE
    assert contents(package) == DATAS | {5: b"last"}
    assert Blob.objects.get().state == Blob.State.COMPLETE


def test_said_again_it_changes_nothing_and_is_answered_the_same(package, tus) -> None:
    """The answer was lost, perhaps: also when the package was closed by it."""
    client = tus(package)
    first = said(client.bundle(DATAS))
    assert first["here"] == [str(package.files.get(number=number).pk) for number in DATAS], "in their order"
    before = list(package.files.values())
    assert said(client.bundle(DATAS)) == first
    assert list(package.files.values()) == before
    last = said(client.bundle({5: b"last"}))
    package.refresh_from_db()
    assert package.status == Package.Status.COMPLETE
    assert said(client.bundle({5: b"last"})) == last
    assert len(stored()) == 1
    assert stored()[0].stat().st_size == sum(map(len, DATAS.values())) + 4


def test_what_is_there_already_is_left_and_the_rest_is_taken(package, tus) -> None:
    client = tus(package)
    client.bundle({1: DATAS[1], 3: DATAS[3]})
    alone = client.create(package.files.get(number=2), DATAS[2], Content_Type=BODY)
    assert alone.headers["upload-offset"] == str(len(DATAS[2]))
    places = dict(package.files.values_list("number", "start"))
    answer = said(client.bundle(DATAS))
    assert (len(answer["here"]), answer["others"]) == (5, [])
    assert contents(package) == DATAS
    after = dict(package.files.values_list("number", "start"))
    assert {after[number] == places[number] for number in (1, 2, 3)} == {True}


def test_an_upload_that_has_begun_goes_on_as_it_was(package, tus) -> None:
    client = tus(package)
    file = package.files.get(number=2)
    path = client.create(file).headers["location"]
    client.patch(path, 0, DATAS[2][:1000])
    answer = said(client.bundle(DATAS))
    assert [other for other, _ in answer["others"]] == [str(file.pk)]
    assert "has begun" in answer["others"][0][1]
    assert len(answer["here"]) == 4
    assert client.head(path).headers["upload-offset"] == "1000"
    assert client.patch(path, 1000, DATAS[2][1000:]).status == 204
    assert contents(package) == DATAS


def test_a_file_that_came_so_is_whole_for_other_clients_too(package, tus) -> None:
    client = tus(package)
    client.bundle(DATAS)
    for more in ({}, {"body": DATAS[2], "Content_Type": BODY}):
        again = client.create(package.files.get(number=2), **more)
        assert (again.status, again.headers["upload-offset"]) == (201, str(len(DATAS[2])))
    assert client.delete(again.headers["location"]).status == 409
    assert contents(package) == DATAS


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "head of the bundle cannot be read"),
        (b"\0\0", "head of the bundle cannot be read"),
        (struct.pack("!I", 1000) + b"[]", "cannot be read|1 to 500 files"),
        (struct.pack("!I", 2) + b"[]", "1 to 500 files, not 0"),
        (struct.pack("!I", 2) + b"{}", "1 to 500 files, not 0"),
        (struct.pack("!I", 1) + b"7", "cannot be read"),
        (struct.pack("!I", 7) + b'[["x"]]', "cannot be read"),
        (struct.pack("!I", 9) + b'[["x",1]]', "cannot be read"),
        (struct.pack("!I", 7) + b"[[1,1]]", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (struct.pack("!I", 90_000) + b"[" * 90_000, "cannot be read"),
    ],
)
def test_what_is_no_bundle_is_refused(package, tus, body: bytes, sentence: str) -> None:
    answer = tus(package).bundle(body)
    assert answer.status == 400
    assert any(part in answer.error for part in sentence.split("|"))
    assert nothing_is_here()


def headed(entries: Sequence[object], data: bytes) -> bytes:
    head = json.dumps(entries).encode()
    return struct.pack("!I", len(head)) + head + data


def test_a_head_that_says_too_much_is_refused(package, tus) -> None:
    client = tus(package)
    known = [str(item.file) for item in items(package)]
    many = [[str(uuid4()), 1] for _ in range(bundles.FILES + 1)]
    for entries, data, sentence in [
        (many, bytes(len(many)), "1 to 500 files, not 501"),
        ([[known[0], 1000], [known[0], 1000]], DATAS[0] * 2, "a file twice"),
        ([[known[0], 0]], b"", "1 to 262144 bytes"),
        ([[known[0], -1], [known[1], 2]], b"1", "1 to 262144 bytes"),
        ([[known[0], True]], b"1", "1 to 262144 bytes"),
        ([[known[0], 1.0]], b"1", "1 to 262144 bytes"),
        ([[known[0], bundles.EACH + 1]], bytes(bundles.EACH + 1), "1 to 262144 bytes"),
        ([[str(uuid4()), bundles.EACH] for _ in range(17)], b"", f"at most {bundles.BYTES} bytes together"),
        ([[known[0], 1000]], DATAS[0][:-1], "not have as many bytes"),
        ([[known[0], 1000]], DATAS[0] + b"?", "not have as many bytes"),
    ]:
        answer = client.bundle(headed(entries, data))
        assert (answer.status, sentence in answer.error) == (400, True), answer
    assert nothing_is_here()


def test_one_that_is_too_large_is_refused_before_its_bytes_come(package, tus) -> None:
    answer = tus(package).bundle([], Content_Length=str(bundles.LIMIT + 1))
    assert (answer.status, "at most" in answer.error) == (413, True)


def test_one_as_large_as_it_may_be_is_taken(make_package, tus) -> None:
    datas = {number: os.urandom(bundles.BYTES // bundles.FILES) for number in range(bundles.FILES)}
    package = make_package(*((str(number), len(data)) for number, data in datas.items()))
    assert len(said(tus(package).bundle(datas))["here"]) == bundles.FILES
    package.refresh_from_db()
    assert package.status == Package.Status.COMPLETE
    assert contents(package) == datas


def test_it_costs_as_many_queries_as_a_few_files_do(make_package, django_assert_max_num_queries) -> None:
    package = make_package(*((str(number), 10) for number in range(401)))
    ids = list(package.files.values_list("pk", flat=True))
    with django_assert_max_num_queries(30):
        taking.take(claim(package), [Item(pk, b"1234567890") for pk in ids[:400]])


def test_files_of_others_and_wrong_sizes_are_refused_with_all_of_the_bundle(package, make_package, tus) -> None:
    client = tus(package)
    [own, *_] = items(package)
    other = make_package(("a", 4)).files.get()
    for pk in (other.pk, uuid4()):
        answer = client.bundle(bundles.pack([own, Item(pk, b"evil")]))
        assert (answer.status, str(pk) in answer.error) == (404, True)
    answer = client.bundle({0: DATAS[0], 1: b"short"})
    assert (answer.status, "announced with 2000 bytes, not 5" in answer.error) == (409, True)
    assert nothing_is_here()


def test_of_one_that_is_cut_short_nothing_is_kept(package, tus) -> None:
    client = tus(package)
    bundle = bundles.pack(items(package))
    length = {"Content_Length": str(len(bundle))}
    assert client.bundle([bundle[:5000], CUT], **length).status == 0
    short = client.bundle([bundle[:5000]], **length)
    assert (short.status, "fewer bytes" in short.error) == (400, True)
    assert client.bundle([bundle, b"more"], **length).status == 413
    unknown = client.bundle([bundle])
    assert (unknown.status, "Content-Length is missing" in unknown.error) == (400, True)
    assert nothing_is_here()
    said(client.bundle(bundle))


def test_bytes_that_were_damaged_under_way_are_noticed(package, tus) -> None:
    client = tus(package)
    bundle = bundles.pack(items(package))
    checksum = "sha256 " + base64.b64encode(hashlib.sha256(bundle).digest()).decode()
    assert client.bundle(bundle[:-1] + b"?", Upload_Checksum=checksum).status == 460
    assert client.bundle(bundle, Upload_Checksum="sha256 ?").status == 400
    assert nothing_is_here()
    said(client.bundle(bundle, Upload_Checksum=checksum))


def test_whoever_has_no_right_brings_nothing(package, tus) -> None:
    client = tus(package)
    assert client.bundle(DATAS, Authorization=None).status == 401
    client.right = "forged"
    assert client.bundle([], Content_Length="1000").status == 403
    assert nothing_is_here()


def test_it_asks_for_the_same_rights_as_an_upload(package, tus, alice) -> None:
    client = tus(package)
    EncryptionRule.objects.create(mode=EncryptionRule.When.ALWAYS)
    assert client.bundle(DATAS).status == 403
    EncryptionRule.objects.all().delete()
    alice.is_active = False
    alice.save()
    assert client.bundle(DATAS).status == 403
    assert nothing_is_here()


def test_there_is_nothing_to_be_fetched(package, tus) -> None:
    from posthouse.transfers.asgi import START, application

    answer = ask(application, "GET", f"{START}bundles", tus(package).headers())
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_a_package_that_was_given_up_takes_nothing(package, tus) -> None:
    lifecycle.give_up(package, "Nothing came.")
    assert tus(package).bundle(DATAS).status == 403
    assert nothing_is_here()


def test_nor_when_that_happens_meanwhile(package, monkeypatch: pytest.MonkeyPatch) -> None:
    real = packs.room

    def given_up_meanwhile(owner: UUID, files: Sequence[bytes]) -> Any:
        lifecycle.give_up(package, "Nothing came.")
        return real(owner, files)

    monkeypatch.setattr(packs, "room", given_up_meanwhile)
    with pytest.raises(RightEnded):
        taking.take(claim(package), items(package))
    assert nothing_is_here()


def test_a_full_or_broken_disk_is_told_and_leaves_nothing(package, tus, monkeypatch: pytest.MonkeyPatch) -> None:
    client = tus(package)
    with monkeypatch.context() as patch:
        patch.setattr(blobs, "free", lambda: 14_999)
        full = client.bundle(DATAS)
    assert (full.status, "no room for these 5 files of 15000 bytes" in full.error) == (507, True)

    def fail(descriptor: int) -> None:
        raise StoreBroken(OSError(errno.EIO, "does not answer"))

    with monkeypatch.context() as patch:
        patch.setattr(disk, "sync", fail)
        broken = client.bundle(DATAS)
    assert (broken.status, "does not answer" in broken.error) == (500, True)
    assert nothing_is_here()
    said(client.bundle(DATAS))
    assert contents(package) == DATAS


def test_of_several_that_bring_the_same_files_at_once_one_is_kept(package) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: _closing(lambda: taking.take(claim(package), items(package))), range(4)))
    assert [set(here.values()) for here in found] == [{True}] * 4
    assert contents(package) == DATAS
    assert Blob.objects.count() == 1


def test_many_bundles_at_once_close_the_package_once(make_package) -> None:
    datas = [os.urandom(2000 + number) for number in range(400)]
    package = make_package(*((str(number), len(data)) for number, data in enumerate(datas)))
    ids = list(package.files.order_by("number").values_list("pk", flat=True))
    every = [Item(pk, data) for pk, data in zip(ids, datas, strict=True)]
    groups = [every[at : at + 50] for at in range(0, 400, 40)]  # each with some of the next one's
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda group: _closing(lambda: taking.take(claim(package), group)), groups))
    package.refresh_from_db()
    assert package.status == Package.Status.COMPLETE
    assert list(contents(package).values()) == datas


def test_bundles_and_single_uploads_of_the_same_files_at_once_leave_each_file_once(package) -> None:
    def bundled() -> None:
        taking.take(claim(package), items(package))

    def begun() -> None:
        for item in reversed(items(package)):
            making.make(claim(package), tus.Creation(item.file, len(item.data), ""))

    def single() -> None:
        for item in items(package):
            making.make(claim(package), tus.Creation(item.file, len(item.data), ""), item.data)

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(_closing, one) for one in (begun, single, bundled) * 2]:
            done.result()
    for upload in Upload.objects.select_related("file"):
        assert upload.whole == (upload.file.blob_id is not None)
        assert upload.file.blob_id in {None, upload.blob_id}
    known = {*Upload.objects.values_list("blob", flat=True), *package.files.values_list("blob", flat=True)} - {None}
    assert set(Blob.objects.values_list("pk", flat=True)) == known, "no bytes are kept for nobody"


def test_a_full_pack_is_sealed_by_the_bundle_that_filled_it(make_package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "TOGETHER", 15_000)
    monkeypatch.setattr("posthouse.store.parts.PART", 29_999)
    package = make_package(*((str(number), len(data)) for number, data in DATAS.items()), ("last", 4))
    taking.take(claim(package), items(package))
    assert [(blob.state, blob.size) for blob in Blob.objects.all()] == [(Blob.State.COMPLETE, 15_000)]


def test_what_a_bundle_cannot_say_it_does_not_ask_the_database(package) -> None:
    with pytest.raises(NotFound):
        taking.take(claim(package), [Item(uuid4(), b"1")])


def _closing(call: Any) -> Any:
    try:
        return call()
    finally:
        connection.close()
