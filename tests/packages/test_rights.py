"""The right to upload: bound to one package, good while that is uploading, and no longer than it should be."""

from __future__ import annotations

from datetime import timedelta

import time_machine
from django.core import signing
from django.utils import timezone

from posthouse.packages import lifecycle, rights
from posthouse.packages.models import Package
from tests.packages.conftest import bytes_of, contents, upload


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


def test_a_right_ends_after_days_without_progress_and_not_with_progress(draft):
    package = draft(files=(("a", 1), ("b", 1)))
    right = rights.issue(package)
    now = timezone.now()
    with time_machine.travel(now + timedelta(days=6), tick=False):
        file = package.files.first()
        lifecycle.file_arrived(file, contents(bytes_of(file)))
    with time_machine.travel(now + timedelta(days=12), tick=False):
        assert rights.check(right) == package
    with time_machine.travel(now + timedelta(days=14), tick=False):
        assert rights.check(right) is None
        assert rights.check(rights.issue(package)) == package, "the sender's page can go on with a fresh one"


def test_a_right_to_a_package_that_is_gone_opens_nothing(draft):
    package = draft()
    right = rights.issue(package)
    Package.objects.all().delete()
    assert rights.check(right) is None
