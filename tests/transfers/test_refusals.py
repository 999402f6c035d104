"""What the tus server refuses, with which status, and that nothing is lost by it."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta

import pytest
from django.core import signing
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.accounts.security import SignIn
from posthouse.packages import lifecycle
from posthouse.packages.models import Package
from posthouse.packages.rights import SALT
from posthouse.store import blobs
from posthouse.transfers import expiry, intake, leases
from posthouse.transfers.asgi import application
from posthouse.transfers.models import Upload
from tests.transfers.conftest import PART, START
from tests.transfers.driver import CUT, Exchange, ask, exchange

BYTES = "application/offset+octet-stream"
NOBODY = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def begun(make_package, tus):
    """A client, and the path of its upload of 10 bytes, of which 4 have come."""
    package = make_package(("a", 10))
    client = tus(package)
    path = client.create(package.files.get()).headers["location"]
    assert client.patch(path, 0, b"0123").status == 204
    return client, path


@pytest.mark.parametrize(
    ("method", "headers", "body", "status", "sentence"),
    [
        ("PATCH", {"Upload_Offset": "3"}, b"x", 409, "The upload stands at offset 4, not at 3."),
        (
            "PATCH",
            {"Upload_Offset": None},
            b"x",
            409,
            "Upload-Offset is missing: the offset from which the bytes go on.",
        ),
        ("PATCH", {"Upload_Offset": "-4"}, b"x", 400, "Upload-Offset must be a whole number of bytes."),
        ("PATCH", {"Upload_Offset": "9" * 19}, b"x", 400, "Upload-Offset must be a whole number of bytes."),
        ("PATCH", {"Content_Type": "text/plain"}, b"x", 415, "Bytes of a file are sent as Content-Type"),
        ("PATCH", {"Tus_Resumable": "0.2.2"}, b"x", 412, "This server speaks tus 1.0.0"),
        ("PATCH", {"Tus_Resumable": None}, b"x", 412, "This server speaks tus 1.0.0"),
        ("PATCH", {"Authorization": None}, b"x", 401, "This needs the right to upload"),
        ("PATCH", {"Authorization": "Bearer forged"}, b"x", 403, "This right to upload is not good"),
        ("PATCH", {"Authorization": "Basic YTpi"}, b"x", 401, "This needs the right to upload"),
        ("PATCH", {}, b"0123456", 413, "These are more bytes than the file has."),
        ("PATCH", {}, [b"0123456"], 413, "These are more bytes than the file has."),  # not declared beforehand
        ("PATCH", {"Content_Length": "5"}, [b"012"], 400, "The request has fewer bytes than its Content-Length"),
        ("PATCH", {"Upload_Checksum": "md5 AAAA"}, b"x", 400, "this server knows sha1 and sha256 only"),
        ("PATCH", {"Upload_Checksum": "sha1 ?"}, b"x", 400, "the digest is not Base64"),
        ("PATCH", {"Upload_Checksum": "sha1 AAAA"}, b"x", 400, "this is not as long as a digest of sha1 is"),
        ("PATCH", {"Upload_Checksum": "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA="}, b"x", 460, "None of them was kept"),
        ("GET", {}, b"", 405, "This method does not fit here."),
        ("POST", {}, b"", 405, "This method does not fit here."),
    ],
)
def test_a_bad_request_is_refused_and_the_offset_stays(begun, method, headers, body, status, sentence) -> None:
    client, path = begun
    answer = ask(application, method, path, client.patch_headers(4, **headers), body)
    assert answer.status == status
    assert sentence in answer.error
    assert answer.headers["tus-resumable"] == "1.0.0"
    stands = int(client.head(path).headers["upload-offset"])
    assert stands == (7 if status == 400 and isinstance(body, list) else 4), "only what came of a cut body was added"
    assert client.patch(path, stands, b"0123456789"[stands:]).status == 204, "it can go on"


@pytest.mark.parametrize(
    ("headers", "status", "sentence"),
    [
        ({"Upload_Length": None}, 400, "Upload-Length is missing"),
        ({"Upload_Length": "ten"}, 400, "Upload-Length must be a whole number"),
        ({"Upload_Length": "11"}, 409, "This file was announced with 10 bytes, not 11."),
        ({"Upload_Length": None, "Upload_Defer_Length": "1"}, 400, "must be known at the start"),
        ({"Upload_Concat": "partial"}, 400, "leave out Upload-Concat"),
        ({"Upload_Metadata": None}, 400, "must name the file"),
        ({"Upload_Metadata": "file !!!"}, 400, "is not Base64"),
        ({"Upload_Metadata": "file YQ==,file YQ=="}, 400, "twice"),
        ({"Upload_Metadata": "file YQ=="}, 400, "must name the file"),
        ({"Upload_Metadata": "file " + "A" * 9000}, 400, "more than 8192 characters"),
        ({"Upload_Metadata": f"file {'MDAwMDAwMDAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAw'}"}, 404, "no such file"),
        ({"Authorization": None}, 401, "needs the right"),
        ({"Authorization": "Bearer x"}, 403, "is not good"),
    ],
)
def test_a_bad_creation_is_refused(make_package, tus, headers, status, sentence) -> None:
    package = make_package(("a", 10))
    answer = tus(package).create(package.files.get(), **headers)
    assert answer.status == status
    assert sentence in answer.error
    assert not Upload.objects.exists()


@pytest.mark.parametrize("name", [NOBODY, "x", NOBODY.upper(), "../uploads"])
def test_what_is_not_there_is_not_found(begun, name) -> None:
    client, _ = begun
    for method in ("HEAD", "PATCH", "DELETE"):
        assert ask(application, method, f"{START}/uploads/{name}", client.patch_headers(0)).status == 404


def test_the_right_to_one_package_opens_no_other(begun, make_package, tus) -> None:
    _, path = begun
    other = tus(make_package(("b", 10)))
    assert other.head(path).status == 404
    assert other.patch(path, 4, b"x").status == 404
    assert other.delete(path).status == 404
    assert Upload.objects.get().offset == 4


def test_a_right_ends_with_the_upload_of_its_package(begun) -> None:
    client, path = begun
    assert lifecycle.give_up(client.package, "The sender discarded it.")
    assert client.patch(path, 4, b"x").status == 403
    assert not Upload.objects.exists(), "what came of it is cleared away"


def test_nothing_is_sent_from_a_network_that_is_not_allowed(begun, alice) -> None:
    client, path = begun
    SignIn.objects.create(pk=SignIn.ONLY, networks="198.51.100.0/24")
    for answer in (client.patch(path, 4, b"x"), client.head(path), client.create(Upload.objects.get().file)):
        assert answer.status == 403
    assert "From your network nothing may be sent" in client.patch(path, 4, b"x").error
    assert Upload.objects.get().offset == 4, "nothing is lost"
    Package.objects.update(outside_sender="eve@outside.example")
    assert client.patch(path, 4, b"x").status == 204, "people outside send from wherever they are"
    Package.objects.update(outside_sender="")
    SignIn.objects.update(administrator_networks="192.0.2.0/24")
    User.objects.update(role=User.Role.ADMINISTRATOR)
    assert client.patch(path, 5, b"x").status == 204


def test_a_right_of_another_kind_is_none(begun) -> None:
    client, path = begun
    for token in (signing.dumps("no id", salt=SALT), signing.dumps(str(client.package.pk), salt="other")):
        client.right = token
        assert client.patch(path, 4, b"x").status == 403


def test_an_upload_without_progress_is_given_up(begun) -> None:
    client, path = begun
    where = blobs.path(Upload.objects.get().blob)
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.head(path).status == 410
    assert client.patch(path, 4, b"x").status == 410
    assert expiry.remove_expired() == 1
    assert not where.exists()
    assert client.head(path).status == 404
    file = client.package.files.get()
    client.send(file, b"0123456789")  # and the file can be begun anew


def test_progress_moves_the_end_of_an_upload(begun) -> None:
    client, path = begun
    soon = timezone.now() + timedelta(minutes=5)
    Upload.objects.update(expires_at=soon)
    client.patch(path, 4, b"4")
    assert Upload.objects.get().expires_at > soon


def test_expired_uploads_of_files_that_arrived_leave_the_file(begun) -> None:
    client, path = begun
    client.patch(path, 4, b"456789")
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert expiry.remove_expired() == 1
    assert b"".join(blobs.read(client.package.files.get().blob)) == b"0123456789"


def test_a_package_of_which_nothing_comes_is_given_up_and_its_sender_told(begun) -> None:
    client, path = begun
    long_ago = timezone.now() - timedelta(days=8)
    Package.objects.update(updated_at=long_ago)
    assert expiry.give_up_abandoned() == 0, "its upload goes on, if slowly"
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert expiry.give_up_abandoned() == 1
    package = Package.objects.get()
    assert package.status == Package.Status.ERROR
    assert "given up" in package.error
    assert not Upload.objects.exists()
    assert client.patch(path, 4, b"x").status == 403


def test_a_file_that_takes_weeks_keeps_its_right(begun) -> None:
    client, path = begun
    Package.objects.update(updated_at=timezone.now() - timedelta(days=30))
    assert client.patch(path, 4, b"x").status == 204


def test_a_cut_line_keeps_what_came(begun) -> None:
    client, path = begun
    answer = client.patch(path, 4, [b"45", b"67", CUT], Content_Length="6")
    assert answer.status == 0, "nobody is there to be answered"
    assert client.head(path).headers["upload-offset"] == "8"


def test_a_stalled_line_is_given_up_and_keeps_what_came(begun, monkeypatch) -> None:
    client, path = begun
    monkeypatch.setattr(intake, "STALLED_SECONDS", 0.1)
    monkeypatch.setattr(intake, "LOOK_SECONDS", 0.02)

    async def stall() -> Exchange:
        going = Exchange(application, "PATCH", path, client.patch_headers(4, Content_Length="6"))
        going.feed(b"45")
        await going.task
        return going

    assert asyncio.run(stall()).answer.status == 408
    assert client.head(path).headers["upload-offset"] == "6"


def test_a_slow_line_is_not_a_stalled_one(begun, monkeypatch) -> None:
    client, path = begun
    monkeypatch.setattr(intake, "STALLED_SECONDS", 0.5)
    monkeypatch.setattr(intake, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(intake, "SAVE_SECONDS", 0.1)

    async def trickle() -> tuple[int, list[int]]:
        going = Exchange(application, "PATCH", path, client.patch_headers(4, Content_Length="6"))
        seen = []
        for piece in (b"4", b"5", b"6", b"7", b"8"):
            going.feed(piece)
            await asyncio.sleep(0.25)
            seen.append(await asyncio.to_thread(_offset))
        going.feed(b"9", more=False)
        await going.task
        return going.answer.status, seen

    status, seen = asyncio.run(trickle())
    assert status == 204
    assert seen[-1] >= 8, "the offset follows while the request goes on"


def test_a_newcomer_gets_the_upload_and_the_holder_keeps_nothing_back(begun) -> None:
    """A cut line that the server has not noticed does not keep its owner out."""
    client, path = begun

    async def meet() -> tuple[int, int, int]:
        first = Exchange(application, "PATCH", path, client.patch_headers(4, Content_Length="6"))
        first.feed(b"45")
        await asyncio.sleep(0.3)
        head = await exchange(application, "HEAD", path, client.headers())
        offset = int(head.headers["upload-offset"])
        second = await exchange(application, "PATCH", path, client.patch_headers(offset), b"6789")
        await first.task
        return offset, second.status, first.answer.status

    assert asyncio.run(meet()) == (6, 204, 423)
    assert b"".join(blobs.read(client.package.files.get().blob)) == b"0123456789"


def test_of_two_requests_at_once_one_wins_and_the_file_is_whole(make_package, tus) -> None:
    data = os.urandom(3 * PART + 1)
    package = make_package(("a", len(data)))
    client = tus(package)
    path = client.create(package.files.get()).headers["location"]

    async def race() -> list[int]:
        headers = client.patch_headers(0)
        both = [exchange(application, "PATCH", path, headers, data) for _ in range(2)]
        return sorted(answer.status for answer in await asyncio.gather(*both))

    first, second = asyncio.run(race())
    assert first == 204
    assert second in {403, 409}, "the other one finds the offset moved, or the package closed"
    assert b"".join(blobs.read(package.files.get().blob)) == data


def test_a_holder_that_does_not_let_go_keeps_the_newcomer_out_for_a_bounded_time(begun, monkeypatch) -> None:
    client, path = begun
    monkeypatch.setattr(leases, "PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr(leases.acquire, "__defaults__", (0.3,))
    lease = leases.claim(Upload.objects.get().id)
    assert client.head(path).status == 423
    assert client.patch(path, 4, b"x").status == 423
    assert lease.asked_to_let_go()
    lease.release()
    assert client.patch(path, 4, b"4").status == 204


def test_the_lease_of_a_dead_holder_ends_by_itself(begun) -> None:
    client, path = begun
    leases.claim(Upload.objects.get().id)
    Upload.objects.update(lease_until=timezone.now())
    assert client.patch(path, 4, b"4").status == 204


def test_a_frozen_holder_that_wakes_up_records_nothing(begun) -> None:
    _client, _path = begun
    upload = Upload.objects.get()
    frozen = leases.claim(upload.id)
    Upload.objects.update(lease_until=timezone.now())
    newer = leases.claim(upload.id)
    assert newer.fence == frozen.fence + 1
    for late in (lambda: frozen.progress(9), frozen.renew, frozen.asked_to_let_go):
        with pytest.raises(leases.LostLease):
            late()
    frozen.release()
    upload.refresh_from_db()
    assert (upload.offset, upload.lease_holder != "") == (4, True), "his release takes nothing from the newer one"
    newer.release()


def _offset() -> int:
    return Upload.objects.get().offset
