"""Telling recipients that a package can be fetched, by their own home server, when all of it is there (D13)."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from posthouse.accounts.models import User
from posthouse.notices import outbox
from posthouse.notices.letters import Letter, link
from posthouse.packages.models import Package
from posthouse.packages.signals import package_arrived
from posthouse.web import units


@receiver(package_arrived)
def tell_recipients(sender: Any, package: Package, **_: Any) -> None:  # noqa: ARG001 - the shape of a signal's receiver
    """Tell each recipient who can fetch the package here, once, unless he wants no such mails."""
    count = package.file_count
    letter = Letter(
        subject=f"{package.sender} sent you “{package.title}”",
        text=f"A package from {package.sender} is here for you to fetch.",
        facts={
            "Title": package.title,
            "From": f"{package.sender}, {package.sender.email}",
            "Contents": f"{count:,} file{'' if count == 1 else 's'}, {units.size(package.size)}",
        },
        link=link("packages:detail", package.pk),
        action="Open the package",
    )
    people = User.objects.filter(deliveries__package=package, deliveries__available_at__isnull=False)
    people = people.exclude(mails=User.Mails.NONE)
    outbox.tell(people.iterator(), f"package:{package.pk}", letter)
