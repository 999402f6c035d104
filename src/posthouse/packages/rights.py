"""The right to upload the files of one package: a signed word of its own, so that no upload ends with a session.

It is bound to the package and good only while that is uploading: nothing else can be done with it.
"""

from __future__ import annotations

from uuid import UUID

from django.core import signing

from posthouse.accounts import permissions
from posthouse.packages.models import Package

SALT = "posthouse.packages.upload"


def issue(package: Package) -> str:
    """Return a right to upload the files of this package."""
    return signing.dumps(str(package.pk), salt=SALT)


def check(token: str) -> Package | None:
    """Return the package whose files may be uploaded with this right, or None when it is not uploading (any more).

    It knows no time of its own: a file may take weeks. An upload that stands still for `upload_days` is given up with
    its package, and that ends the right. So does the end of its sender's account, as it ends his sessions.
    """
    package = holder(token)
    if package is None or package.status != Package.Status.UPLOADING:
        return None
    able = package.sender.is_active and package.sender.removed_at is None
    wanted = permissions.INVITE if package.outside_sender else permissions.UPLOAD
    return package if able and permissions.may(package.sender, wanted) else None


def holder(token: str) -> Package | None:
    """Return the package that the right was issued for, whatever became of it, or None.

    For answering "it is all here" to a client that missed the answer to its last byte.
    """
    wanted = package_id(token)
    return Package.objects.select_related("sender").filter(pk=wanted).first() if wanted else None


def package_id(token: str) -> UUID | None:
    """Return which package the right was issued for, or None if it is no right; nothing is looked up."""
    try:
        return UUID(signing.loads(token, salt=SALT))
    except (signing.BadSignature, TypeError, ValueError, AttributeError):
        return None
