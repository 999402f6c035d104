"""Forwarding: a new package with the files of another one, which are not uploaded, nor stored, once more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from django.db import transaction

from posthouse.accounts import permissions
from posthouse.accounts.encryption import EncryptionRule
from posthouse.accounts.models import User
from posthouse.packages import access, drafts
from posthouse.packages.drafts import Refused, Terms
from posthouse.packages.models import File, Package


def forward(
    user: User,
    package: Package,
    title: str,
    note: str,
    recipients: Sequence[str],
    key: str = "",
    *,
    private: Sequence[str] = (),
    cc: Mapping[str, Sequence[str]] = MappingProxyType({}),
    terms: Terms = Terms(),  # noqa: B008 - it is frozen
) -> Package:
    """Send the files of a package that this person may fetch on to others, and return the new package.

    Where the files lie already they are not sent again. An encrypted package keeps its passphrase. Recalling the first
    package does not recall this one.
    Raises Refused.
    """
    if not permissions.may(user, permissions.FORWARD):
        raise Refused({"files": [permissions.FORWARD.refusal]})
    if complaint := EncryptionRule.in_force().complaint(encrypted=package.encrypted):
        raise Refused({"files": [complaint]})
    with transaction.atomic():
        # Locked, so that its bytes are not given up before the new package has them too.
        locked = Package.objects.select_for_update().filter(pk=package.pk).first()
        if locked is None or access.may_fetch(user, package.pk) is None:
            raise Refused({"files": ["The package has ended meanwhile, so it cannot be forwarded any more."]})
        files = list(File.objects.filter(package=package, blob__isnull=False).order_by("number"))
        if len(files) != package.file_count:
            raise Refused({"files": ["Not all of its files are here, so it cannot be forwarded."]})
        return drafts.create(
            user,
            title,
            note,
            recipients,
            [(file.path, file.size) for file in files],
            key,
            private=private,
            cc=cc,
            terms=terms,
            contents={file.path: file for file in files},
            forwarded_from=package.pk,
            envelope=package.envelope,
        )
