"""A package that came from another server: all of it or nothing, once, and never a damaged file (D12)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from posthouse.accounts.models import User
from posthouse.packages import arrivals, manifests, signals
from posthouse.packages.manifest import Manifest
from posthouse.packages.models import Delivery, File, Package
from posthouse.store.models import Blob
from tests.packages.conftest import contents, upload


@pytest.fixture
def arrived(draft, alice, bob, paris, tokyo) -> tuple[Manifest, dict[int, Blob]]:
    """The manifest of a package that came from tokyo for Alice here, and the bytes, already in the store."""
    package = upload(draft("alice", "bob", files=(("a", 10), ("b/c", 20), ("empty", 0))))
    manifest = manifests.of(package)
    blobs = {file.number: file.blob for file in package.files.select_related("blob")}
    Package.objects.all().delete()
    return manifest, blobs


def test_it_becomes_a_package_like_that_at_its_senders_server(arrived, alice, bob, tokyo):
    manifest, blobs = arrived
    package = arrivals.admit(manifest, tokyo, blobs)
    assert (package.pk, package.title, package.origin, package.status) == (
        manifest.package,
        "Rushes",
        tokyo,
        "complete",
    )
    assert package.created_at == manifest.created
    assert (package.size, package.file_count) == (30, 3)
    assert manifests.of(package) == manifest


def test_it_opens_the_deliveries_of_residents_and_shows_the_others(arrived, alice, bob, tokyo):
    package = arrivals.admit(*_call(arrived, tokyo))
    assert package.deliveries.get(recipient=alice).available_at
    assert package.deliveries.get(recipient=bob).available_at is None


def test_saying_it_again_changes_nothing(arrived, tokyo):
    events = []

    def receiver(sender, package, **kwargs):
        events.append(package.pk)

    signals.package_arrived.connect(receiver)
    try:
        first = arrivals.admit(*_call(arrived, tokyo))
        assert arrivals.admit(*_call(arrived, tokyo)) == first
    finally:
        signals.package_arrived.disconnect(receiver)
    assert events == [first.pk]
    assert (Package.objects.count(), File.objects.count(), Delivery.objects.count()) == (1, 3, 2)


def test_another_server_cannot_take_the_id_of_a_package_that_is_here(arrived, tokyo, rio):
    arrivals.admit(*_call(arrived, tokyo))
    with pytest.raises(arrivals.Taken):
        arrivals.admit(*_call(arrived, rio))


def test_a_resident_who_is_not_known_here_yet_stops_it_and_is_named(arrived, paris, tokyo):
    manifest, blobs = arrived
    stranger = replace(manifest.recipients[0], id=manifest.package, login="newcomer", home=paris.pk)
    _refused(arrivals.UnknownRecipient, replace(manifest, recipients=(*manifest.recipients, stranger)), tokyo, blobs)


def test_somebody_unknown_who_lives_elsewhere_does_not_stop_it(arrived, rio, tokyo):
    manifest, blobs = arrived
    stranger = replace(manifest.recipients[0], id=manifest.package, login="newcomer", home=rio.pk)
    package = arrivals.admit(replace(manifest, recipients=(*manifest.recipients, stranger)), tokyo, blobs)
    assert package.deliveries.count() == 2


def test_a_package_for_nobody_here_is_not_taken(arrived, tokyo):
    manifest, blobs = arrived
    elsewhere = tuple(replace(person, home=tokyo.pk) for person in manifest.recipients)
    _refused(arrivals.UnknownRecipient, replace(manifest, recipients=elsewhere), tokyo, blobs)


def test_a_sender_who_is_not_known_here_yet_stops_it(arrived, tokyo):
    manifest, blobs = arrived
    stranger = replace(manifest.sender, id=manifest.package)
    _refused(arrivals.UnknownSender, replace(manifest, sender=stranger), tokyo, blobs)


def test_bytes_that_are_not_those_of_the_manifest_are_never_shown(arrived, tokyo):
    manifest, blobs = arrived
    _refused(arrivals.Damaged, manifest, tokyo, blobs | {1: contents(b"x" * 20)})
    _refused(arrivals.Damaged, manifest, tokyo, {0: blobs[0], 2: blobs[2]})
    Blob.objects.filter(pk=blobs[1].pk).update(state=Blob.State.ARRIVING)
    blobs[1].refresh_from_db()
    _refused(arrivals.Damaged, manifest, tokyo, blobs)


def test_many_files_are_admitted_in_few_queries(draft, alice, tokyo, paris, django_assert_max_num_queries):
    for number in range(20):
        make_user_quickly(f"person{number}", paris)
    package = upload(draft("alice", *(f"person{n}" for n in range(20)), files=tuple((str(n), 1) for n in range(40))))
    manifest = manifests.of(package)
    blobs = {file.number: file.blob for file in package.files.select_related("blob")}
    Package.objects.all().delete()
    with django_assert_max_num_queries(30):
        arrivals.admit(manifest, tokyo, blobs)


def make_user_quickly(login, home):
    user = User(login=login, name=login, email=f"{login}@example.com", home=home)
    user.set_unusable_password()
    user.save()


def _call(arrived, source):
    manifest, blobs = arrived
    return manifest, source, blobs


def _refused(reason, manifest, source, blobs):
    with pytest.raises(reason):
        arrivals.admit(manifest, source, blobs)
    assert not Package.objects.exists()
    assert not File.objects.exists()
