"""The right to upload: bound to one package, good while that is uploading, and no longer than it should be."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.core import signing
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.packages import rights
from posthouse.packages.models import Package
from tests.packages.conftest import upload


def test_a_right_opens_the_package_it_was_issued_for(draft):
    package, other = draft(), draft()
    assert rights.check(rights.issue(package)) == package
    assert rights.check(rights.issue(other)) == other


def test_what_was_not_signed_here_opens_nothing(draft):
    package = draft()
    good = rights.issue(package)
    for bad in ["", "x", good[:-1], good + "x", signing.dumps(str(package.pk)), signing.dumps(7, salt=rights.SALT)]:
        assert rights.check(bad) is None


def test_a_right_ends_with_the_upload_but_still_tells_whose_it_was(draft):
    package = draft()
    right = rights.issue(package)
    upload(package)
    assert rights.check(right) is None
    assert rights.holder(right) == package


def test_a_right_outlives_weeks_for_a_file_may_take_them(draft):
    package = draft()
    right = rights.issue(package)
    with time_machine.travel(timezone.now() + timedelta(days=60), tick=False):
        assert rights.check(right) == package


def test_a_right_to_a_package_that_is_gone_opens_nothing(draft):
    package = draft()
    right = rights.issue(package)
    Package.objects.all().delete()
    assert rights.check(right) is None


@pytest.mark.parametrize("loss", [{"is_active": False}, {"removed_at": timezone.now()}])
def test_a_right_ends_when_its_sender_is_switched_off_or_removed(draft, loss):
    package = draft()
    right = rights.issue(package)
    User.objects.filter(pk=package.sender_id).update(**loss)
    assert rights.check(right) is None
