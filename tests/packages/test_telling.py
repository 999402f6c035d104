"""Who is told of a package that ends soon, and that he has not fetched."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.notices.models import DigestLine, OutgoingMail
from posthouse.packages import telling
from posthouse.packages.models import Delivery, Package
from tests.conftest import make_user
from tests.notices.conftest import told
from tests.packages.conftest import upload


@pytest.fixture
def dora(paris):
    return make_user("dora", paris)


@pytest.fixture
def package(draft, dora):
    """A package that came three days ago and ends tomorrow."""
    made = upload(draft("dora", "bob", title="Day 12"))
    Package.objects.update(expires_at=timezone.now() + timedelta(days=1))
    Delivery.objects.filter(available_at__isnull=False).update(available_at=timezone.now() - timedelta(days=3))
    OutgoingMail.objects.all().delete()
    return made


def test_who_has_fetched_nothing_is_told_once_by_his_home_server(package):
    telling.tell_of_end()
    telling.tell_of_end()
    assert told() == [("dora@example.com", "“Day 12” of Alice ends soon")], "Bob's home server tells Bob"
    assert "It can be fetched until" in OutgoingMail.objects.get().text


@pytest.mark.parametrize(
    "change",
    [
        lambda: Package.objects.update(expires_at=timezone.now() + timedelta(days=3)),
        lambda: Package.objects.update(expires_at=None),
        lambda: Package.objects.update(expires_at=timezone.now() - timedelta(hours=1)),
        lambda: Package.objects.update(ended_at=timezone.now()),
        lambda: Delivery.objects.update(first_fetched_at=timezone.now()),
        lambda: Delivery.objects.update(hidden_at=timezone.now()),
        lambda: Delivery.objects.filter(available_at__isnull=False).update(available_at=timezone.now()),
        lambda: User.objects.update(mails=User.Mails.NONE),
    ],
)
def test_who_need_not_know_is_not_told(package, change):
    change()
    telling.tell_of_end()
    assert told() == []


def test_whoever_wants_one_mail_a_day_reads_it_there(package):
    User.objects.update(mails=User.Mails.DAILY)
    telling.tell_of_end()
    assert told() == []
    assert DigestLine.objects.get(about__startswith="expiring").text == "“Day 12” of Alice ends soon"
