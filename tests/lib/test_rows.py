"""Rows that are inserted or filled without instances are the same rows."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.lib import rows
from posthouse.lib.ids import uuid7
from posthouse.packages import drafts
from posthouse.packages.models import File
from posthouse.store import blobs
from posthouse.store.models import Blob, Part

pytestmark = pytest.mark.django_db

FIELDS = ("blob", "number", "size", "digest", "crc32")


@pytest.fixture
def blob() -> Blob:
    made = Blob(id=uuid7(), size=1 << 40, part_size=1 << 30, algorithm="blake3", digest=b"\x00\xff%s", crc32=1 << 31)
    names = ("id", "state", "size", "part_size", "algorithm", "digest", "crc32", "created_at")
    made.created_at = timezone.now()
    rows.insert(Blob, names, [[getattr(made, name) for name in names]])
    return made


def test_what_was_inserted_is_what_is_read(blob: Blob) -> None:
    found = Blob.objects.get()
    assert (found.pk, found.size, bytes(found.digest), found.crc32) == (blob.pk, 1 << 40, b"\x00\xff%s", 1 << 31)
    assert found.created_at == blob.created_at
    rows.insert(Part, FIELDS, ((blob.pk, number, 5, b"\x00", 7) for number in range(3000)))
    assert blob.parts.count() == 3000
    assert len({part.pk for part in blob.parts.all()}) == 3000


def test_rows_that_are_there_are_left_as_they_are_only_if_that_is_asked_for(blob: Blob) -> None:
    rows.insert(Part, FIELDS, [(blob.pk, 0, 5, b"old", 7)])
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.insert(Part, FIELDS, [(blob.pk, 0, 5, b"new", 7)])
    rows.insert(Part, FIELDS, [(blob.pk, 0, 5, b"new", 7), (blob.pk, 1, 5, b"new", 7)], ignore_conflicts=True)
    assert [bytes(part.digest) for part in blob.parts.order_by("number")] == [b"old", b"new"]


def test_no_rows_are_no_trouble(blob: Blob) -> None:
    rows.insert(Part, FIELDS, [])
    assert not blob.parts.exists()


def test_fields_are_filled_where_one_of_them_is_empty_and_nowhere_else(alice: User) -> None:
    package = drafts.create(alice, "Rushes", "", ["alice"], [(str(number), 5) for number in range(3000)])
    ids = list(package.files.order_by("number").values_list("pk", flat=True))
    first, second = blobs.create(5), blobs.create(5)
    names = ("blob", "start", "packed_digest", "packed_crc32")
    rows.fill(File, names, [(first.pk, 0, b"\x00%s", 1 << 31, ids[0])], empty="blob")
    rows.fill(File, names, ((second.pk, at, b"new", 7, pk) for at, pk in enumerate(ids[:2000])), empty="blob")
    rows.fill(File, names, [], empty="blob")
    found = list(package.files.order_by("number").values_list("blob", "start", "packed_crc32"))
    assert found[0] == (first.pk, 0, 1 << 31)
    assert bytes(File.objects.get(pk=ids[0]).packed_digest) == b"\x00%s"
    assert found[1:2000] == [(second.pk, at, 7) for at in range(1, 2000)]
    assert set(found[2000:]) == {(None, None, 0)}
