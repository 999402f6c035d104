"""Links of recipients outside: made when a package can be fetched here, good until they end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.dispatch import receiver
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from posthouse.notices import outbox, wordings
from posthouse.notices.letters import Letter, link, moment
from posthouse.notices.wordings import Wording
from posthouse.outside import secrets
from posthouse.outside.models import Link
from posthouse.packages.models import Delivery, Package
from posthouse.packages.signals import package_arrived
from posthouse.web import units

GRACE = timedelta(days=1)
TRIES, PAUSE = 10, timedelta(minutes=15)
"""So many wrong passwords in a row, and none is looked at any more until the pause is over."""


LINK = wordings.register(
    Wording(
        name="outside-link",
        title="Link for an outside recipient",
        who="Recipients without an account, when all of a package is at the server where they fetch it.",
        subject="{sender} sent you “{title}”",
        text="A package from {sender} is here for you to fetch. The link below is yours alone; you need no account."
        " {password}",
        action="Open the package",
        variables={
            "sender": "Alice",
            "title": "Rushes of day 12",
            "password": "It asks for a password, which the sender tells you.",
        },
        facts={"Title": "Rushes of day 12", "From": "Alice, alice@example.com", "Contents": "3 files, 48.3 GB"},
    )
)


@receiver(package_arrived)
def send_links(package: Package, **_: Any) -> None:
    """Make and mail a link for each recipient outside who can fetch the package here."""
    outside = package.deliveries.filter(recipient=None, available_at__isnull=False, link=None)
    for delivery in outside.select_related("package__sender"):
        give(delivery)


def give(delivery: Delivery) -> str:
    """Make a link for a recipient outside, in place of an older one, mail it, and return its secret."""
    package = delivery.package
    secret, digest = secrets.new()
    ends = timezone.now() + timedelta(days=package.outside_days) if package.outside_days is not None else None
    with transaction.atomic():
        Link.objects.filter(delivery=delivery).delete()
        made = Link.objects.create(delivery=delivery, digest=digest, password=package.outside_password, expires_at=ends)
        ends = min((end for end in (ends, package.expires_at) if end), default=None)
        outbox.tell_outside(delivery.email, f"link:{made.pk}", _letter(delivery, ends), secret)
    return secret


def good() -> QuerySet[Link]:
    """Return the links by which something can be fetched now."""
    now = timezone.now()
    unspent = Q(delivery__package__outside_once=False) | Q(delivery__fetched_at=None)
    return Link.objects.filter(
        unspent | Q(delivery__fetched_at__gt=now - GRACE),
        Q(expires_at=None) | Q(expires_at__gt=now),
        delivery__available_at__isnull=False,
        delivery__package__ended_at=None,
        delivery__package__closed_at__isnull=False,
    ).select_related("delivery__package__sender")


def find(secret: str) -> Link | None:
    """Return the link with this secret, if it is good."""
    return good().filter(digest=secrets.digest(secret)).first()


@sensitive_variables("password")
def opens(link: Link, password: str) -> bool:
    """Return whether a password opens a link. After too many wrong ones none does for a while."""
    if not link.password:
        return True
    patient = Q(failures__lt=TRIES) | Q(failed_at__lt=timezone.now() - PAUSE)
    # Counted before it is looked at: many tries at once are no way around it.
    tried = Link.objects.filter(patient, pk=link.pk).update(failures=F("failures") + 1, failed_at=timezone.now())
    if not tried:
        make_password(password)  # takes as long as a check
        return False
    right = check_password(password, link.password)
    if right:
        Link.objects.filter(pk=link.pk).update(failures=0)
    return right


def opened(link: Link) -> None:
    """Note that a link was used."""
    Link.objects.filter(pk=link.pk, opened_at=None).update(opened_at=timezone.now())


def _letter(delivery: Delivery, ends: datetime | None) -> Letter:
    package = delivery.package
    count = package.file_count
    asked = "It asks for a password, which the sender tells you." if package.outside_password else ""
    return LINK.letter(
        {"sender": str(package.sender), "title": package.title, "password": asked},
        {
            "Title": package.title,
            "From": f"{package.sender}, {package.sender.email}",
            "Contents": f"{count:,} file{'' if count == 1 else 's'}, {units.size(package.size)}",
        }
        | ({"Until": moment(ends)} if ends else {}),
        link("outside:open", outbox.SECRET),
    )
