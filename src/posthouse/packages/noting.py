"""What is written into the audit log about packages, beside how they end."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from posthouse.audit import log as audit
from posthouse.audit.log import Who
from posthouse.packages import signals
from posthouse.packages.models import Download, Package
from posthouse.web import units


@receiver(signals.package_closed)
def sent(package: Package, **_: Any) -> None:
    """Note that a package was sent."""
    files = f"{package.file_count} file{'' if package.file_count == 1 else 's'}"
    text = f"“{package.title}” was sent: {files}, {units.size(package.size)}."
    audit.record(Who(str(package.sender), package.sender_id), "package.sent", text, package)


@receiver(signals.package_given_up)
def given_up(package: Package, **_: Any) -> None:
    """Note that the upload of a package was given up."""
    text = f"The upload of “{package.title}” of {package.sender} was given up: {package.error}"
    audit.record(audit.SERVER, "package.given_up", text, package)


def fetched(download: Download, *, whole: bool) -> None:
    """Note that a recipient has fetched something for the first time, or now everything. In that transaction."""
    delivery = download.delivery
    if delivery is None:
        return
    who = Who(delivery.who, delivery.recipient_id, download.address or "")
    text = f"“{delivery.package.title}” was downloaded{'' if whole else ' in part'}."
    audit.record(who, "package.downloaded", text, delivery.package)
