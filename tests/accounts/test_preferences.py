"""What people prefer is what they get: times in their zone, as many rows as they like, mails or none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from posthouse.accounts import preferences
from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.notices.models import OutgoingMail
from posthouse.packages.models import Delivery, Package
from posthouse.packages.signals import package_arrived
from posthouse.web.templatetags.posthouse import ago
from tests.conftest import make_user


def test_full_times_are_shown_in_the_zone_of_whoever_looks() -> None:
    moment = datetime(2026, 7, 1, 20, 30, tzinfo=UTC)
    assert "1 July 2026, 20:30:00 UTC" in ago(moment)
    with timezone.override(preferences.zone("Asia/Tokyo")):
        assert "2 July 2026, 05:30:00 JST" in ago(moment)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd", "Asia"])
def test_a_zone_that_this_machine_does_not_know_is_utc(name: str) -> None:
    assert preferences.zone(name) is None


def test_a_list_has_as_many_rows_as_somebody_likes(client: Client, admin: User, paris: Server) -> None:
    people = [User(login=f"p{number:03}", name="P", email="p@example.com", home=paris) for number in range(60)]
    User.objects.bulk_create(people)
    client.force_login(admin)
    assert client.get(reverse("accounts:list")).content.count(b"p@example.com") < 60
    User.objects.filter(pk=admin.pk).update(rows=100)
    assert client.get(reverse("accounts:list")).content.count(b"p@example.com") == 60


def test_whoever_wants_no_mails_about_packages_gets_none(alice: User, paris: Server) -> None:
    dora = make_user("dora", paris, mails=User.Mails.NONE)
    package = Package.objects.create(
        title="Rushes", sender=alice, origin=paris, status="complete", size=0, file_count=1
    )
    for person in (alice, dora):
        Delivery.objects.create(package=package, recipient=person, home=paris, available_at=timezone.now())
    package_arrived.send(Package, package=package)
    assert [mail.person for mail in OutgoingMail.objects.all()] == [alice]
