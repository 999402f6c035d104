"""Small files that come whole with the request that creates their upload: all of it, or nothing."""

from __future__ import annotations

import base64
import errno
import hashlib
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from posthouse.packages import lifecycle, rights
from posthouse.packages.models import File, Package
from posthouse.store import blobs, small
from posthouse.store.errors import StoreBroken
from posthouse.store.models import Blob, Part
from posthouse.store.writers import PartWriter
from posthouse.transfers import making
from posthouse.transfers.models import Upload
from tests.transfers.driver import CUT

HERE = "192.0.2.7"
BODY = "application/offset+octet-stream"
DATA = bytes(range(256)) * 40


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, settings: Any) -> None:
    """A store that holds nothing of other tests."""
    (tmp_path / "store").mkdir()
    settings.POSTHOUSE = settings.POSTHOUSE.model_copy(update={"store_dir": tmp_path / "store"})


def stored() -> list[Path]:
    root: Path = settings.POSTHOUSE.store
    return [path for path in root.rglob("*") if path.is_file()]


def the_file(package: Package, number: int = 0) -> File:
    return package.files.get(number=number)


def nothing_is_here() -> bool:
    return not (Blob.objects.exists() or Part.objects.exists() or Upload.objects.exists() or stored())


@pytest.fixture(autouse=True)
def whole_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posthouse.store.parts.PART", 16 * 1024 * 1024)


def test_a_small_file_is_here_with_its_digests_and_closes_its_package(make_package, tus) -> None:
    package = make_package(("a", len(DATA)), ("b", len(DATA)))
    client = tus(package)
    for number in (0, 1):
        answer = client.create(the_file(package, number), [DATA[:7], DATA[7:]], Content_Type=BODY)
        assert (answer.status, answer.headers["upload-offset"]) == (201, str(len(DATA)))
    blob = the_file(package).blob
    assert blob is not None
    assert b"".join(blobs.read(blob)) == DATA
    assert blob.crc32 == zlib.crc32(DATA)
    whole = Blob.objects.get(pk=blob.pk)
    Blob.objects.filter(pk=blob.pk).update(state=Blob.State.ARRIVING, digest=b"", crc32=0)
    again = blobs.complete(Blob.objects.get(pk=blob.pk))
    assert (bytes(again.digest), again.crc32) == (bytes(whole.digest), whole.crc32), "as by any other way"
    package.refresh_from_db()
    assert package.status == Package.Status.COMPLETE


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
    real = small.bring

    def given_up_meanwhile(data: bytes) -> Any:
        lifecycle.give_up(package, "Nothing came.")
        return real(data)

    monkeypatch.setattr(small, "bring", given_up_meanwhile)
    with pytest.raises(making.RightEnded):
        making.make(making.Claim(rights.issue(package), HERE), making.tus.Creation(file.id, file.size, ""), DATA)
    assert nothing_is_here()


def test_a_disk_that_fails_is_told_and_leaves_nothing(make_package, tus, monkeypatch: pytest.MonkeyPatch) -> None:
    package = make_package(("a", len(DATA)))

    def fail(self: PartWriter, *args: Any, **kwargs: Any) -> Any:
        raise StoreBroken(OSError(errno.EIO, "does not answer"))

    with monkeypatch.context() as patch:
        patch.setattr(PartWriter, "seal", fail)
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
    assert len(stored()) == Blob.objects.count() == Part.objects.count() == 1


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
    for size in (0, small.MOST + 1):
        with pytest.raises(ValueError, match="no small file"):
            small.bring(bytes(size))


def _closing(call: Any) -> Any:
    from django.db import connection

    try:
        return call()
    finally:
        connection.close()
