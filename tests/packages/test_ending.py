"""Packages end once: by time, by their sender, or by what was downloaded; then nobody can fetch them and bytes go."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from posthouse.audit.log import Who
from posthouse.packages import access, arrivals, drafts, ending, forwarding, lifecycle, manifests
from posthouse.packages.models import Delivery, File, Package, Policy
from posthouse.store import blobs
from posthouse.store.models import Blob
from tests.conftest import make_user
from tests.packages.conftest import upload
from tests.packages.test_lifecycle import heard

ALICE = Who("Alice")


@pytest.fixture
def dora(paris):
    return make_user("dora", paris)


def test_a_recalled_package_is_its_senders_alone(draft, dora, alice):
    package = upload(draft("dora"))
    assert access.may_fetch(dora, package.pk)
    with heard(ending.signals.package_ended) as ended:
        assert ending.end(package.pk, "recalled", ALICE)
        assert not ending.end(package.pk, "expired"), "it ends once"
    assert len(ended) == 1
    assert access.visible_to(dora).count() == 0
    assert access.may_fetch(alice, package.pk) is None
    assert access.visible_to(alice).get().ended_by == "Alice"


def test_a_package_that_is_uploading_does_not_end(draft):
    package = draft()
    assert not ending.end(package.pk, "recalled", ALICE)
    assert not ending.set_expiry(package.pk, timezone.now())


def test_it_expires_when_its_days_are_over_and_not_before(alice, dora):
    package = upload(drafts.create(alice, "Rushes", "", ["dora"], [("a", 1)], terms=drafts.Terms(keep_days=3)))
    assert ending.expire() == 0
    with time_machine.travel(timezone.now() + timedelta(days=3, seconds=1), tick=False):
        assert ending.expire() == 1
    package.refresh_from_db()
    assert package.end == "expired"


def test_days_count_from_the_release_and_nobody_sees_it_before(alice, dora, bob):
    release = timezone.now() + timedelta(days=2)
    terms = drafts.Terms(keep_days=3, release_at=release)
    package = drafts.create(alice, "Rushes", "", ["dora", "bob"], [("a", 1)], terms=terms)
    with heard(lifecycle.signals.package_arrived) as arrived, heard(lifecycle.signals.package_closed) as closed:
        upload(package)
        assert (len(closed), arrived) == (1, []), "it is relayed at once, and shown later"
        assert package.expires_at == release + timedelta(days=3)
        assert access.may_fetch(dora, package.pk) is None
        assert lifecycle.release_due() == 0
        with time_machine.travel(release + timedelta(seconds=1), tick=False):
            assert lifecycle.release_due() == 1
            assert lifecycle.release_due() == 0
        assert len(arrived) == 1
    assert access.may_fetch(dora, package.pk)


def test_a_release_travels_with_the_package(alice, bob, dora, tokyo):
    release = timezone.now() + timedelta(hours=1)
    package = drafts.create(alice, "Rushes", "", ["dora"], [("a", 1)], terms=drafts.Terms(release_at=release))
    manifest = manifests.of(upload(package))
    files = {file.number: file.blob for file in package.files.all()}
    Package.objects.all().delete()
    arrivals.admit(manifest, tokyo, files)
    assert access.visible_to(dora).count() == 0
    assert lifecycle.release(package.pk)
    assert access.visible_to(dora).count() == 1


def test_the_policy_is_followed_and_bounds_what_senders_choose(alice, dora):
    Policy.objects.create(keep_days=30, most_days=60)
    assert drafts.create(alice, "Rushes", "", ["dora"], [("a", 1)]).keep_days == 30
    for days, words in ((61, "60 days at most"), (None, "60 days at most"), (0, "at least one day")):
        with pytest.raises(drafts.Refused) as refused:
            drafts.create(alice, "Rushes", "", ["dora"], [("a", 1)], terms=drafts.Terms(keep_days=days))
        assert words in refused.value.errors["terms"][0]
    Policy.objects.update(may_choose=False)
    with pytest.raises(drafts.Refused):
        drafts.create(alice, "Rushes", "", ["dora"], [("a", 1)], terms=drafts.Terms(keep_days=7))


def test_bytes_go_after_the_end_and_only_once_nobody_else_has_them(draft, alice, dora):
    package = upload(draft("dora", files=(("a", 10), ("b", 0))))
    second = forwarding.forward(dora, package, "Look", "", ["alice"])
    contents = {file.path: b"".join(blobs.read(file.blob)) for file in second.files.all()}
    ending.end(package.pk, "recalled", ALICE)
    assert ending.free() == 1
    assert ending.free() == 0
    assert {file.path: b"".join(blobs.read(file.blob)) for file in second.files.all()} == contents
    ending.end(second.pk, "deleted", ALICE)
    assert ending.free() == 1
    assert not File.objects.filter(blob__isnull=False).exists()
    assert not Blob.objects.exists()


def test_only_who_may_fetch_it_forwards_it(draft, alice, dora, carla):
    package = upload(draft("dora"))
    with pytest.raises(drafts.Refused):
        forwarding.forward(carla, package, "Mine", "", ["carla"])
    second = forwarding.forward(dora, package, "Look", "", ["alice", "carla"])
    assert (second.status, second.forwarded_from, second.sender) == ("relaying", package.pk, dora)
    assert access.may_fetch(alice, second.pk)
    ending.end(package.pk, "recalled", ALICE)
    with pytest.raises(drafts.Refused):
        forwarding.forward(dora, package, "Again", "", ["alice"])


def test_what_a_recipient_deletes_is_gone_for_him_alone(draft, alice, dora):
    package = upload(draft("dora", "alice"))
    ending.hide(access.delivery(dora, package.pk))
    assert access.visible_to(dora).count() == 0
    assert access.delivery(alice, package.pk)
    package.refresh_from_db()
    assert package.ended_at is None


def test_at_another_server_it_ends_with_the_last_recipient(draft, dora, alice, tokyo):
    package = upload(draft("dora", "alice"))
    Package.objects.filter(pk=package.pk).update(origin=tokyo)
    for person in (dora, alice):
        ending.hide(access.delivery(person, package.pk))
    package.refresh_from_db()
    assert package.end == "deleted"


def test_a_package_that_ended_before_it_came_is_not_taken_in(draft, dora, tokyo):
    package = upload(draft("dora"))
    manifest = manifests.of(package)
    files = {file.number: file.blob for file in package.files.all()}
    Package.objects.all().delete()
    ending.end_by_word(package.pk, "recalled", Who("tokyo"))
    with pytest.raises(arrivals.Over):
        arrivals.admit(manifest, tokyo, files)
    assert not Package.objects.exists()


def test_a_private_recipient_is_told_to_nobody_else(alice, bob, dora, carla, tokyo, rio):
    package = upload(drafts.create(alice, "Rushes", "", ["bob", "dora"], [("a", 1)], private=["carla", "bob"]))
    assert {d.recipient for d in access.told_of(dora, package)} == {bob, dora}, "who is named openly is not private"
    assert {d.recipient for d in access.told_of(carla, package)} == {bob, dora, carla}
    assert access.told_of(alice, package).count() == 3
    assert {person.id for person in manifests.of(package, tokyo).recipients} == {bob.pk, dora.pk}
    assert {person.id for person in manifests.of(package, rio).recipients} == {bob.pk, dora.pk, carla.pk}


def test_a_failed_relay_changes_nothing_about_a_package_that_ended(draft):
    package = upload(draft("bob"))
    ending.end(package.pk, "recalled", ALICE)
    assert not lifecycle.set_status(package.pk, "relaying", "error", "tokyo: gone")
    assert Delivery.objects.get().fetched_at is None
