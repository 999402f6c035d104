"""The right to upload the files of one package: a signed word of its own, so that no upload ends with a session.

It is bound to the package and good only while that is uploading: nothing else can be done with it.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.utils import timezone

from posthouse.packages.models import Package

SALT = "posthouse.packages.upload"


def issue(package: Package) -> str:
    """Return a right to upload the files of this package."""
    return signing.dumps(str(package.pk), salt=SALT)


def check(token: str) -> Package | None:
    """Return the package whose files may be uploaded with this right, or None.

    A right ends when its package is closed, and after `upload_days` without progress: each file that arrives moves
    the end on, and the sender's page can fetch a fresh one.
    """
    package = holder(token)
    if package is None or package.status != Package.Status.UPLOADING:
        return None
    lifetime = timedelta(days=settings.POSTHOUSE.upload_days)
    if package.updated_at + lifetime < timezone.now() and not _is_fresh(token, lifetime):
        return None
    return package


def holder(token: str) -> Package | None:
    """Return the package that the right was issued for, whatever became of it, or None.

    For answering "it is all here" to a client that missed the answer to its last byte.
    """
    try:
        package_id = UUID(signing.loads(token, salt=SALT))
    except (signing.BadSignature, TypeError, ValueError, AttributeError):
        return None
    return Package.objects.filter(pk=package_id).first()


def _is_fresh(token: str, lifetime: timedelta) -> bool:
    try:
        signing.loads(token, salt=SALT, max_age=lifetime)
    except signing.BadSignature:
        return False
    return True
