"""What a sender or a recipient may not do is refused with the reason, wherever he tries."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from posthouse.accounts.models import Membership, User, Workgroup
from posthouse.accounts.standards import Standard
from posthouse.packages import drafts, forwarding, lifecycle, quotas, rights
from posthouse.packages.models import Package
from tests.conftest import make_user
from tests.packages.conftest import upload


def refusal(sender, *recipients, size=10):
    with pytest.raises(drafts.Refused) as refused:
        drafts.create(sender, "Rushes", "", recipients or ["bob"], [("a", size)])
    return str(refused.value)


def take(user, *names):
    user.permissions = " ".join(f"-{name}" for name in names)
    user.save()


def test_who_may_not_send_makes_no_package_and_goes_on_with_none(draft, alice):
    package = draft()
    right = rights.issue(package)
    assert rights.check(right) == package
    take(alice, "upload")
    assert "may not send packages" in refusal(alice)
    assert rights.check(right) is None


def test_who_may_not_forward_does_not(draft, paris):
    dora = make_user("dora", paris)
    package = upload(draft("dora"))
    take(dora, "forward")
    with pytest.raises(drafts.Refused, match="may not forward"):
        forwarding.forward(dora, package, "Look", "", ["dora"])


def test_forwarding_needs_no_permission_to_upload_and_no_quota(draft, paris):
    dora = make_user("dora", paris)
    package = upload(draft("dora"))
    dora.quota = 0
    take(dora, "upload")
    assert forwarding.forward(dora, package, "Look", "", ["dora"])


def test_who_may_send_to_colleagues_only_is_told_whom_he_may_not(alice, bob, carla):
    group = Workgroup.objects.create(name="Editors")
    for person in (alice, bob):
        Membership.objects.create(user=person, workgroup=group)
    take(alice, "everyone")
    assert drafts.create(alice, "Rushes", "", ["bob", "alice"], [("a", 1)])
    assert "may not send to Carla" in refusal(alice, "bob", "carla")


def test_a_package_may_be_too_large_and_all_together_too_much(alice, bob):
    Standard.objects.create(role="user", permissions="upload everyone", quota=100, quota_days=7, package_limit=60)
    assert "60 bytes is the most" in refusal(alice, size=61)
    first = drafts.create(alice, "Rushes", "", ["bob"], [("a", 60)])
    assert "40 bytes of that is left" in refusal(alice, size=41)
    lifecycle.give_up(first, "Discarded.")
    assert quotas.used(User.objects.get(pk=alice.pk), 7) == 0, "what was given up does not count"
    assert drafts.create(alice, "Rushes", "", ["bob"], [("a", 60)])
    assert drafts.create(alice, "Rushes", "", ["bob"], [("a", 40)])
    assert Package.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_two_packages_at_once_do_not_both_take_the_last_of_a_quota(alice, bob):
    Standard.objects.create(role="user", permissions="upload everyone", quota=100)
    together = threading.Barrier(2)
    made = []

    def send():
        try:
            together.wait()
            made.append(drafts.create(alice, "Rushes", "", ["bob"], [("a", 60)]))
        except drafts.Refused as refused:
            made.append(refused)
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(one).__name__ for one in made) == ["Package", "Refused"]
