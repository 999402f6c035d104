"""Telling people of packages: of one that they can fetch, by their own home server, when all of it is there (D13); of
one that ends soon and that they have not fetched; and senders who want it of what becomes of theirs.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.notices import digests, wordings
from posthouse.notices.letters import Letter, link, moment
from posthouse.notices.wordings import Wording
from posthouse.packages import signals
from posthouse.packages.models import Delivery, Package
from posthouse.web import units

SOON = timedelta(days=2)
"""How long before its end somebody is told of a package that he has not fetched."""
BATCH = 500
NAMED = 5
FOLLOWED = (User.Mails.ALL, User.Mails.DAILY)
"""Who is told of what he has sent himself."""

_PACKAGE = {"sender": "Alice", "title": "Rushes of day 12"}
_FACTS = {"Title": "Rushes of day 12", "From": "Alice, alice@example.com", "Contents": "3 files, 48.3 GB"}

RECEIVED = wordings.register(
    Wording(
        name="package-received",
        title="Package received",
        who="Recipients, by their home server, when all of a package is there.",
        subject="{sender} sent you “{title}”",
        text="A package from {sender} is here for you to fetch.",
        action="Open the package",
        variables=_PACKAGE,
        facts=_FACTS,
    )
)
SENT = wordings.register(
    Wording(
        name="package-sent",
        title="Package sent",
        who="Senders who have chosen so, when all of a package is on their home server.",
        subject="“{title}” was sent",
        text="All of your package “{title}” is on {server}. It goes from there to the home servers of its recipients.",
        action="Look at the package",
        variables={"title": "Rushes of day 12", "server": "paris"},
        facts={"Title": "Rushes of day 12", "To": "Bob, Carla and 3 more", "Contents": "3 files, 48.3 GB"},
    )
)
DOWNLOADED = wordings.register(
    Wording(
        name="package-downloaded",
        title="Package downloaded",
        who="Senders who have chosen so, when a recipient has downloaded all of a package.",
        subject="{recipient} has downloaded “{title}”",
        text="{recipient} has downloaded all of your package “{title}”.",
        action="Look at the package",
        variables={"recipient": "Bob", "title": "Rushes of day 12"},
        facts={"Title": "Rushes of day 12", "Downloaded": "28 November 2026, 10:15 UTC"},
    )
)
EXPIRING = wordings.register(
    Wording(
        name="package-expiring",
        title="Package ends soon",
        who=f"Recipients who have fetched nothing of a package that ends within {SOON.days} days.",
        subject="“{title}” of {sender} ends soon",
        text="You have not fetched the package “{title}” of {sender} yet. It can be fetched until {until}.",
        action="Open the package",
        variables=_PACKAGE | {"until": "30 November 2026, 10:15 UTC"},
        facts=_FACTS | {"Until": "30 November 2026, 10:15 UTC"},
    )
)


@receiver(signals.package_arrived)
def tell_recipients(package: Package, **_: Any) -> None:
    """Tell each recipient who can fetch the package here, once, as he wants to be told."""
    letter = RECEIVED.letter(_names(package), _facts(package), link("packages:detail", package.pk))
    people = User.objects.filter(deliveries__package=package, deliveries__available_at__isnull=False)
    people = people.exclude(mails=User.Mails.NONE)
    digests.tell(people.iterator(), f"package:{package.pk}", letter, letter.title)


@receiver(signals.package_closed)
def tell_sender(package: Package, **_: Any) -> None:
    """Tell the sender that all of his package is here, if he wants that."""
    who = package.sender
    if who.mails not in FOLLOWED:
        return
    values = {"title": package.title, "server": servers.this().name}
    facts = {"Title": package.title, "To": _recipients(package), "Contents": _contents(package)}
    letter = SENT.letter(values, facts, link("packages:detail", package.pk))
    digests.tell([who], f"sent:{package.pk}", letter, letter.title)


@receiver(signals.package_fetched)
def tell_of_download(delivery: Delivery, *, whole: bool, **_: Any) -> None:
    """Tell the sender, by his home server, that a recipient has everything, if he wants that."""
    if not whole:
        return
    package = Package.objects.select_related("sender").get(pk=delivery.package_id)
    who = package.sender
    if who.mails not in FOLLOWED or package.origin_id != servers.this().pk or delivery.recipient_id == who.pk:
        return
    facts = {"Title": package.title, "Downloaded": moment(delivery.fetched_at or timezone.now())}
    values = {"recipient": delivery.who, "title": package.title}
    letter = DOWNLOADED.letter(values, facts, link("packages:detail", package.pk))
    digests.tell([who], f"downloaded:{delivery.pk}", letter, letter.title)


def tell_of_end() -> int:
    """Tell those who live here of packages that end soon, and of which they have fetched nothing; return how many.

    Each package is looked at again until it ends; everybody is told once. Who got it a moment ago is not told yet.
    """
    now = timezone.now()
    ending = Package.objects.filter(ended_at=None, expires_at__gt=now, expires_at__lte=now + SOON)
    waiting = Delivery.objects.filter(
        package__in=ending.order_by("expires_at")[:BATCH].values("pk"),
        available_at__lt=now - timedelta(days=1),
        recipient__isnull=False,
        first_fetched_at=None,
        hidden_at=None,
        home__is_self=True,
    )
    count = 0
    letters: dict[Any, Letter] = {}
    for delivery in waiting.select_related("package__sender", "recipient").order_by("package").iterator(BATCH):
        package, person = delivery.package, delivery.recipient
        if person is None or person.mails == User.Mails.NONE:
            continue
        if package.pk not in letters:
            letters = {package.pk: _ends_soon(package)}
        digests.tell([person], f"expiring:{package.pk}", letters[package.pk], letters[package.pk].title)
        count += 1
    return count


def _ends_soon(package: Package) -> Letter:
    until = moment(package.expires_at)
    values = _names(package) | {"until": until}
    return EXPIRING.letter(values, _facts(package) | {"Until": until}, link("packages:detail", package.pk))


def _names(package: Package) -> dict[str, str]:
    return {"sender": str(package.sender), "title": package.title}


def _facts(package: Package) -> dict[str, str]:
    return {
        "Title": package.title,
        "From": f"{package.sender}, {package.sender.email}",
        "Contents": _contents(package),
    }


def _contents(package: Package) -> str:
    count = package.file_count
    return f"{count:,} file{'' if count == 1 else 's'}, {units.size(package.size)}"


def _recipients(package: Package) -> str:
    """Name the first recipients; the sender may know of all."""
    some = package.deliveries.select_related("recipient").order_by("pk")[:NAMED]
    names = [delivery.who for delivery in some]
    more = package.deliveries.count() - len(names)
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")
