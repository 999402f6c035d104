"""A file goes up, in one piece or in many, and arrives."""

from __future__ import annotations

import base64
import hashlib
import random
import zlib
from itertools import pairwise

import pytest

from posthouse.packages.models import File, Package
from posthouse.store import blobs, digests
from posthouse.store.models import Blob
from posthouse.transfers.asgi import application
from posthouse.transfers.models import Upload
from tests.transfers.conftest import PART, START
from tests.transfers.driver import ask


def contents(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def the_file(package: Package, number: int = 0) -> File:
    return package.files.get(number=number)


def test_a_file_sent_in_one_request_closes_its_package(make_package, tus) -> None:
    data = contents(3 * PART + 17)
    package = make_package(("film.mov", len(data)))
    client = tus(package)
    made = client.create(the_file(package))
    assert made.status == 201
    assert made.headers["upload-offset"] == "0"
    answer = client.patch(made.headers["location"], 0, data)
    assert answer.status == 204
    assert answer.headers["upload-offset"] == str(len(data))
    file = the_file(package)
    assert b"".join(blobs.read(file.blob)) == data
    assert file.blob.state == Blob.State.COMPLETE
    assert file.blob.crc32 == zlib.crc32(data)
    pieces = [data[start : start + PART] for start in range(0, len(data), PART)]
    each = []
    for piece in pieces:
        hasher = digests.new("blake3")
        hasher.update(piece)
        each.append(hasher.digest())
    assert bytes(file.blob.digest) == digests.of_parts("blake3", each)
    package.refresh_from_db()
    assert package.status == Package.Status.COMPLETE


def test_requests_that_end_inside_parts_add_up_to_the_same_file(make_package, tus, upload_of) -> None:
    data = contents(4 * PART + 5)
    package = make_package(("film.mov", len(data)))
    client = tus(package)
    path = client.create(the_file(package)).headers["location"]
    cuts = [0, 1, PART - 1, PART, PART + 1, 2 * PART + 100, 2 * PART + 100, 4 * PART, len(data)]
    for start, end in pairwise(cuts):
        assert client.patch(path, start, data[start:end]).headers["upload-offset"] == str(end)
        assert client.head(path).headers["upload-offset"] == str(end)
        assert upload_of(path).offset == end
    blob = the_file(package).blob
    assert b"".join(blobs.read(blob)) == data
    assert blob.crc32 == zlib.crc32(data)


def test_bytes_may_come_with_the_creation(make_package, tus) -> None:
    data = contents(1000)
    package = make_package(("a", 1000))
    answer = tus(package).create(the_file(package), data, Content_Type="application/offset+octet-stream")
    assert (answer.status, answer.headers["upload-offset"]) == (201, "1000")
    assert b"".join(blobs.read(the_file(package).blob)) == data


def test_creating_an_upload_again_gives_the_same_one(make_package, tus) -> None:
    """R6: a client that missed the answer asks again, and goes on where it was."""
    package = make_package(("a", 10))
    client = tus(package)
    first = client.create(the_file(package)).headers["location"]
    client.patch(first, 0, b"12345")
    again = client.create(the_file(package))
    assert (again.status, again.headers["location"]) == (201, first)
    assert again.headers["upload-offset"] == "5"
    assert Blob.objects.count() == 1


def test_the_empty_files_of_a_package_are_there_from_the_beginning(make_package, tus) -> None:
    package = make_package(("a", 1), ("b", 0), ("c", 0))
    client = tus(package)
    for number in (1, 2):
        answer = client.create(the_file(package, number))
        assert (answer.status, answer.headers["upload-offset"]) == (201, "0")
        assert client.head(answer.headers["location"]).headers["upload-length"] == "0"


def test_who_missed_the_answer_to_the_last_byte_still_learns_that_all_is_there(make_package, tus) -> None:
    package = make_package(("a", 3))
    client = tus(package)
    path = client.create(the_file(package)).headers["location"]
    client.patch(path, 0, b"abc")
    package.refresh_from_db()
    assert package.status == Package.Status.COMPLETE
    answer = client.head(path)
    assert (answer.status, answer.headers["upload-offset"]) == (200, "3")


def test_who_missed_the_answer_to_a_creation_with_all_bytes_may_say_it_again(make_package, tus) -> None:
    """R6, D12: the file was the package's last one, so the right to send more has ended."""
    data = contents(1000)
    package = make_package(("a", 1000))
    client = tus(package)
    first = client.create(the_file(package), data, Content_Type="application/offset+octet-stream")
    again = client.create(the_file(package), data, Content_Type="application/offset+octet-stream")
    assert (again.status, again.headers["upload-offset"]) == (201, "1000")
    assert again.headers["location"] == first.headers["location"]
    assert Blob.objects.count() == 1


def test_who_missed_the_answer_to_a_creation_with_some_bytes_learns_where_it_stands(make_package, tus) -> None:
    data = contents(1000)
    package = make_package(("a", 1000))
    client = tus(package)
    first = client.create(the_file(package), data[:400], Content_Type="application/offset+octet-stream")
    again = client.create(the_file(package), data, Content_Type="application/offset+octet-stream")
    assert (again.status, again.headers["upload-offset"]) == (201, "400")
    assert client.patch(first.headers["location"], 400, data[400:]).status == 204
    assert b"".join(blobs.read(the_file(package).blob)) == data


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_request_with_the_right_checksum_is_taken(algorithm: str, make_package, tus) -> None:
    data = contents(2 * PART + 9)
    package = make_package(("a", len(data)))
    client = tus(package)
    path = client.create(the_file(package)).headers["location"]
    checksum = base64.b64encode(hashlib.new(algorithm, data).digest()).decode()
    assert client.patch(path, 0, data, Upload_Checksum=f"{algorithm} {checksum}").status == 204
    assert b"".join(blobs.read(the_file(package).blob)) == data


def test_a_request_with_a_wrong_checksum_leaves_no_trace(make_package, tus, upload_of) -> None:
    """Bytes of a refused request count neither in the offset nor in the digest of the part they fell into."""
    data = contents(3 * PART)
    package = make_package(("a", len(data)))
    client = tus(package)
    path = client.create(the_file(package)).headers["location"]
    client.patch(path, 0, data[:100])
    checksum = base64.b64encode(hashlib.sha1(data[100:]).digest()).decode()
    damaged = data[100:-1] + b"?"
    answer = client.patch(path, 100, damaged, Upload_Checksum=f"sha1 {checksum}")
    assert answer.status == 460
    assert upload_of(path).offset == 100
    assert blobs.have(upload_of(path).blob) == set()
    assert client.patch(path, 100, data[100:], Upload_Checksum=f"sha1 {checksum}").status == 204
    blob = the_file(package).blob
    assert b"".join(blobs.read(blob)) == data
    assert blob.crc32 == zlib.crc32(data)


def test_an_upload_can_be_ended_and_begun_anew(make_package, tus, upload_of) -> None:
    package = make_package(("a", 10))
    client = tus(package)
    path = client.create(the_file(package)).headers["location"]
    client.patch(path, 0, b"wrong")
    where = blobs.path(upload_of(path).blob)
    assert where.exists()
    assert client.delete(path).status == 204
    assert not where.exists()
    assert not Upload.objects.exists()
    assert client.head(path).status == 404
    client.send(the_file(package), b"0123456789")
    assert b"".join(blobs.read(the_file(package).blob)) == b"0123456789"


def test_what_has_arrived_cannot_be_taken_back(make_package, tus) -> None:
    package = make_package(("a", 3), ("b", 3))
    client = tus(package)
    path = client.create(the_file(package)).headers["location"]
    client.patch(path, 0, b"abc")
    assert client.delete(path).status == 409
    assert b"".join(blobs.read(the_file(package).blob)) == b"abc"


def test_options_tells_what_the_server_can(db) -> None:
    answer = ask(application, "OPTIONS", f"{START}/uploads/")
    assert answer.status == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-checksum-algorithm"] == "sha1,sha256"
    assert set(answer.headers["tus-extension"].split(",")) == {
        "creation",
        "creation-with-upload",
        "expiration",
        "termination",
        "checksum",
    }


def test_methods_that_a_proxy_forbids_can_be_named_in_a_header(make_package, tus) -> None:
    package = make_package(("a", 3))
    client = tus(package)
    path = client.create(the_file(package)).headers["location"]
    answer = ask(application, "POST", path, client.patch_headers(0, X_HTTP_Method_Override="PATCH"), b"abc")
    assert answer.status == 204
    assert b"".join(blobs.read(the_file(package).blob)) == b"abc"
