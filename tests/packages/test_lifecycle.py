"""From the last byte to the recipients: closing, homes, and who is told (R57, R60-R62)."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.db import connection, transaction

from posthouse.packages import lifecycle, signals
from posthouse.packages.models import Package
from tests.packages.conftest import bytes_of, contents, upload


@contextmanager
def heard(signal):
    events = []

    def receiver(sender, package, **kwargs):
        assert connection.in_atomic_block
        events.append((package.pk, package.status))

    signal.connect(receiver)
    try:
        yield events
    finally:
        signal.disconnect(receiver)


def test_a_package_is_closed_by_its_last_file_and_not_before(draft):
    package = draft(files=(("a", 1), ("b", 2), ("c", 0)))
    first, second = package.files.filter(blob=None)
    assert lifecycle.file_arrived(first, contents(bytes_of(first)))
    package.refresh_from_db()
    assert (package.status, package.closed_at) == ("uploading", None)
    assert lifecycle.file_arrived(second, contents(bytes_of(second)))
    package.refresh_from_db()
    assert package.status == "relaying"
    assert package.closed_at


def test_it_is_relayed_only_when_somebody_lives_elsewhere(draft, alice):
    assert upload(draft("alice")).status == "complete"
    assert upload(draft("bob")).status == "relaying"
    assert upload(draft("alice", "bob")).status == "relaying"


def test_residents_can_fetch_it_at_once_and_others_not_here(draft, alice, bob, tokyo):
    package = upload(draft("alice", "bob"))
    deliveries = {delivery.recipient: delivery for delivery in package.deliveries.all()}
    assert deliveries[alice].available_at
    assert (deliveries[bob].available_at, deliveries[bob].home) == (None, tokyo)


def test_homes_are_read_when_the_upload_ends_not_when_it_begins(draft, bob, paris):
    package = draft("bob")
    bob.home = paris
    bob.save()
    assert upload(package).status == "complete"
    assert package.deliveries.get().home == paris


def test_everybody_concerned_is_told_once_inside_the_transaction(draft, alice):
    package = draft("alice", "bob")
    with heard(signals.package_closed) as closed, heard(signals.package_arrived) as arrived:
        upload(package)
        assert not lifecycle.close(package)
    assert closed == arrived == [(package.pk, "relaying")]


def test_nobody_here_is_told_of_a_package_for_people_elsewhere(draft):
    with heard(signals.package_arrived) as arrived:
        upload(draft("bob"))
    assert arrived == []


def test_a_closing_that_fails_leaves_the_last_file_awaited(draft):
    package = draft()

    def refuse(sender, package, **kwargs):
        raise RuntimeError("the relays cannot take it")

    signals.package_closed.connect(refuse)
    try:
        with pytest.raises(RuntimeError):
            upload(package)
    finally:
        signals.package_closed.disconnect(refuse)
    package.refresh_from_db()
    assert package.status == "uploading"
    assert package.files.get().blob is None
    assert upload(package).status == "relaying"


def test_the_same_file_may_arrive_twice_but_no_other_contents_for_it(draft):
    package = draft(files=(("a", 1), ("b", 1)))
    file = package.files.first()
    blob = contents(bytes_of(file))
    assert lifecycle.file_arrived(file, blob)
    assert lifecycle.file_arrived(file, blob)
    assert not lifecycle.file_arrived(file, contents(b"!"))
    upload(package)
    assert lifecycle.file_arrived(file, blob)


def test_an_upload_that_is_given_up_takes_no_more_files_and_says_why(draft):
    package = draft(files=(("a", 1), ("b", 1)))
    file = package.files.first()
    with heard(signals.package_given_up) as given_up:
        assert lifecycle.give_up(package, "The sender discarded it.")
        assert not lifecycle.give_up(package, "Again.")
    assert given_up == [(package.pk, "error")]
    assert package.error == "The sender discarded it."
    assert not lifecycle.file_arrived(file, contents(bytes_of(file)))


def test_a_status_changes_only_from_the_one_that_was_named(draft):
    package = upload(draft())
    assert lifecycle.set_status(package.pk, "relaying", "error", "No relay arrived.")
    assert not lifecycle.set_status(package.pk, "relaying", "complete")
    package.refresh_from_db()
    assert (package.status, package.error) == ("error", "No relay arrived.")


@pytest.mark.django_db(transaction=True)
def test_of_two_last_files_that_arrive_at_once_one_closes_the_package(draft):
    package = draft(files=(("a", 1), ("b", 1)))
    blobs = [(file, contents(bytes_of(file))) for file in package.files.all()]
    together = threading.Barrier(2)
    errors = []

    def arrive(file, blob):
        try:
            together.wait()
            with transaction.atomic():
                lifecycle.file_arrived(file, blob)
        except Exception as error:  # noqa: BLE001 - told below
            errors.append(error)
        finally:
            connection.close()

    with heard(signals.package_closed) as closed:
        threads = [threading.Thread(target=arrive, args=pair) for pair in blobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []
    assert closed == [(package.pk, "relaying")]
    assert Package.objects.get().status == "relaying"


def test_what_is_still_awaited_is_found_in_an_index(draft):
    package = draft(files=tuple((str(number), 1) for number in range(50)))
    if "sqlite" in settings.DATABASES["default"]["ENGINE"]:
        assert "file_awaited" in package.files.filter(blob=None).order_by().explain()
