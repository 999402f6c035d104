"""Rows that are inserted without instances are the same rows."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from posthouse.lib import rows
from posthouse.lib.ids import uuid7
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
