"""Receipts tell what each recipient has, in parts or whole, and what follows from it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from posthouse.packages import drafts, receipts, signals
from posthouse.packages.models import Delivery, Download, Package
from tests.conftest import make_user
from tests.packages.conftest import upload


@pytest.fixture
def dora(paris):
    return make_user("dora", paris)


@pytest.fixture
def told():
    events = []

    def receiver(sender, delivery, whole, **kwargs):
        events.append(whole)

    signals.package_fetched.connect(receiver)
    yield events
    signals.package_fetched.disconnect(receiver)


def fetch(package, user, path=None, start=0, sent=None):
    file = package.files.get(path=path) if path else None
    whole = file.size if file else package.size + 100
    sent = whole - start if sent is None else sent
    delivery = Delivery.objects.get(package=package, recipient=user)
    download = Download.objects.create(
        package=package,
        user=user,
        delivery=delivery,
        file=file,
        start=start,
        size=whole - start,
        sent=sent,
        whole=whole,
        address="::1",
    )
    Download.objects.filter(pk=download.pk).update(ended_at=timezone.now())
    receipts.note(download)
    return Delivery.objects.get(package=package, recipient=user)


def test_a_package_is_fetched_when_each_of_its_files_is(draft, dora, told):
    package = upload(draft("dora", files=(("a", 10), ("b", 20), ("c", 0))))
    got = fetch(package, dora, "a")
    assert (got.fetched_files, bool(got.first_fetched_at), got.fetched_at) == (1, True, None)
    assert fetch(package, dora, "a").fetched_files == 1, "the same file again"
    assert fetch(package, dora, "b", sent=19).fetched_files == 1, "one byte is missing"
    assert fetch(package, dora, "b", start=19).fetched_files == 2, "a resumed download counts with what came before"
    assert fetch(package, dora, "c").fetched_at
    assert told == [False, True]


def test_the_zip_file_is_everything_and_may_be_resumed(draft, dora, told):
    package = upload(draft("dora", files=(("a", 10), ("b", 20))))
    assert fetch(package, dora, sent=40).fetched_at is None
    got = fetch(package, dora, start=30)
    assert (got.fetched_files, bool(got.fetched_at)) == (2, True)
    fetch(package, dora)
    assert told == [False, True], "who has everything is not told of again"


def test_what_the_sender_fetches_is_no_receipt(draft, alice, dora, told):
    package = upload(draft("dora"))
    Download.objects.create(package=package, user=alice, size=10, sent=10, whole=10, address="::1")
    receipts.note(Download.objects.get())
    assert told == []


@pytest.mark.parametrize(("after", "ends_with"), [("keep", 0), ("any", 1), ("all", 2)])
def test_a_package_ends_a_day_after_the_downloads_it_waited_for(alice, dora, paris, after, ends_with):
    make_user("erik", paris)
    terms = drafts.Terms(after_download=after, keep_days=30)
    package = upload(drafts.create(alice, "Rushes", "", ["dora", "erik"], [("a", 10)], terms=terms))
    soon = []
    for number, delivery in enumerate(package.deliveries.all(), 1):
        fetch(package, delivery.recipient)
        package.refresh_from_db()
        if package.expires_at < timezone.now() + timedelta(days=2):
            soon.append(number)
    assert soon == ([] if not ends_with else list(range(ends_with, 3)))


def test_receipts_of_other_servers_are_taken_over_once(draft, bob, told):
    package = upload(draft("bob"))
    now = timezone.now()
    for _ in range(2):
        receipts.heard(package.deliveries.get().pk, 1, now, now)
    receipts.heard(package.deliveries.get().pk, 0, now + timedelta(days=1), None)
    got = Delivery.objects.get(recipient=bob)
    assert (got.fetched_files, got.first_fetched_at, got.fetched_at) == (1, now, now)
    assert told == [True]
    assert Package.objects.get().is_open


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 6)), max_size=8), st.integers(0, 15))
def test_spans_cover_what_every_byte_of_is_in_one(spans, size):
    bytes_ = {byte for start, length in spans for byte in range(start, start + length)}
    assert receipts.covers(spans, size) == (set(range(size)) <= bytes_)


def fetch_some(package, user, chosen, start=0, sent=110):
    delivery = Delivery.objects.get(package=package, recipient=user)
    download = Download.objects.create(
        package=package,
        user=user,
        delivery=delivery,
        chosen=chosen,
        start=start,
        size=110 - start,
        sent=sent,
        whole=110,
        address="::1",
        ended_at=timezone.now(),
    )
    receipts.note(download)
    return Delivery.objects.get(package=package, recipient=user)


def test_a_zip_file_of_some_counts_as_its_files_each_once(draft, dora, told):
    package = upload(draft("dora", files=(("a", 10), ("b", 20), ("c", 0), ("d", 5))))
    assert fetch(package, dora, "b").fetched_files == 1
    got = fetch_some(package, dora, "1-2")
    assert (got.fetched_files, got.fetched_at) == (2, None)
    assert fetch_some(package, dora, "1-2").fetched_files == 2, "the same zip file again"
    assert fetch(package, dora, "c").fetched_files == 2
    got = fetch_some(package, dora, "0,3")
    assert (got.fetched_files, bool(got.fetched_at)) == (4, True)
    assert told == [False, True]


def test_half_a_zip_file_of_some_is_none_until_the_rest_has_come(draft, dora):
    package = upload(draft("dora", files=(("a", 10), ("b", 20), ("c", 0))))
    assert fetch_some(package, dora, "0-1", sent=50).fetched_files == 0
    assert fetch_some(package, dora, "1-2", start=50, sent=60).fetched_files == 0, "the rest of another one"
    assert fetch_some(package, dora, "0-1", start=50, sent=60).fetched_files == 2
