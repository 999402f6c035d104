"""Recipients outside are told once of a link that ends soon and that they have not used."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from posthouse.notices.models import OutgoingMail
from posthouse.outside import reminding
from posthouse.outside.models import Link
from posthouse.packages import drafts
from posthouse.packages.models import Delivery, Package
from tests.packages.conftest import upload

EVE = "eve@outside.example"


@pytest.fixture
def link(alice):
    """A link that was sent three days ago and ends tomorrow."""
    upload(drafts.create(alice, "Day <12>", "", [EVE], [("a.mov", 10)]))
    OutgoingMail.objects.all().delete()
    now = timezone.now()
    Link.objects.update(created_at=now - timedelta(days=3), expires_at=now + timedelta(days=1))
    return Link.objects.get()


def told():
    reminding.tell_of_end()
    reminding.tell_of_end()
    return list(OutgoingMail.objects.values_list("to", "subject"))


def test_who_has_fetched_nothing_is_told_once_without_a_link(link):
    assert told() == [(EVE, "“Day <12>” of Alice ends soon")]
    mail = OutgoingMail.objects.get()
    assert "by the link in the mail that you got on" in mail.text
    assert mail.secret == ""
    assert mail.text.count("https://") == 1, "that of the server, at the end"


def test_a_package_that_ends_before_its_links_is_told_of_too(link):
    Link.objects.update(expires_at=None)
    Package.objects.update(expires_at=timezone.now() + timedelta(hours=5))
    assert len(told()) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda: Link.objects.update(expires_at=timezone.now() + timedelta(days=3)),
        lambda: Link.objects.update(expires_at=None),
        lambda: Link.objects.update(expires_at=timezone.now() - timedelta(hours=1)),
        lambda: Link.objects.update(created_at=timezone.now()),
        lambda: Delivery.objects.update(first_fetched_at=timezone.now()),
        lambda: Package.objects.update(ended_at=timezone.now()),
    ],
)
def test_who_need_not_know_is_not_told(link, change):
    change()
    assert told() == []
