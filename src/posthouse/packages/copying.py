"""CC: people whom the sender has told of what happens to a package, by the sender's server.

They learn its title and who sends it, never its files. What they are told names no private recipient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.dispatch import receiver

from posthouse.accounts.models import User
from posthouse.notices import digests, outbox, wordings
from posthouse.notices.wordings import Wording
from posthouse.packages import limits, policies, signals
from posthouse.packages.models import Cc, Delivery, Package
from posthouse.packages.recipients import Named, barred, look_up, normal
from posthouse.web import units

NAMED = 5
"""Recipients whom a letter names; of the others it tells how many they are."""
Event = Cc.Event

_VARIABLES = {"sender": "Alice", "title": "Rushes of day 12"}
_FACTS = {"Title": "Rushes of day 12", "From": "Alice, alice@example.com", "Contents": "3 files, 48.3 GB"}


def _wording(event: str, title: str, who: str, subject: str, more: Mapping[str, str] | None = None) -> Wording:
    return wordings.register(
        Wording(
            name=f"cc-{event}",
            title=title,
            who=f"People whom the sender has named under CC, when {who}.",
            subject=subject,
            text="{sender} wanted you to be told of this package. You cannot open it: it was not sent to you.",
            action="",
            variables=_VARIABLES | dict(more or {}),
            facts=_FACTS,
        )
    )


WORDINGS = {
    Event.UPLOAD: _wording(
        Event.UPLOAD, "CC of an upload", "all of a package is uploaded", "{sender} has uploaded “{title}”"
    ),
    Event.RECEIPT: _wording(
        Event.RECEIPT, "CC of a receipt", "a package is there for all its recipients", "“{title}” has arrived"
    ),
    Event.DOWNLOAD: _wording(
        Event.DOWNLOAD,
        "CC of a download",
        "a recipient has downloaded all of a package",
        "{recipient} has downloaded “{title}”",
        {"recipient": "Bob"},
    ),
}


def settle(sender: User, wanted: Mapping[str, Sequence[str]]) -> tuple[dict[str, list[Named]], list[str]]:
    """Return whom to tell by event, each once, and what is wrong with them. They are named as recipients are."""
    chosen: dict[str, list[Named]] = {}
    complaints: list[str] = []
    for event, named in wanted.items():
        order = list(dict.fromkeys(name for one in named if (name := normal(one))))
        found: dict[Any, Named] = {}
        if len(order) <= limits.COPIED:
            for _, people, complaint in look_up(sender, order):
                complaints += [complaint] if complaint else []
                found.update({one.key: one for one in people})
        if max(len(order), len(found)) > limits.COPIED:
            complaints.append(f"{Event(event).label} names more than {limits.COPIED} people. Name fewer.")
            continue
        chosen[event] = list(found.values())
    if any(one.user is None for people in chosen.values() for one in people) and not policies.outside().allowed:
        complaints.append(policies.NOBODY_OUTSIDE)
    users = {one.user.pk: one.user for people in chosen.values() for one in people if one.user}
    return chosen, complaints + barred(sender, list(users.values()))


def record(package: Package, chosen: Mapping[str, Sequence[Named]]) -> None:
    """Write down whom to tell. In the transaction that makes the package."""
    Cc.objects.bulk_create(
        Cc(package=package, event=event, user=one.user, email=one.email)
        for event, people in chosen.items()
        for one in people
    )


@receiver(signals.package_closed)
def _uploaded(package: Package, **_: Any) -> None:
    _tell(package, Event.UPLOAD)


@receiver(signals.package_received)
def _received(package: Package, **_: Any) -> None:
    _tell(package, Event.RECEIPT)


@receiver(signals.package_fetched)
def _fetched(delivery: Delivery, whole: bool, **_: Any) -> None:
    if whole and not delivery.private:
        _tell(delivery.package, Event.DOWNLOAD, about=f"{delivery.pk}:", recipient=delivery.who)


def _tell(package: Package, event: Event, about: str = "", **more: str) -> None:
    copied = list(package.copies.filter(event=event).select_related("user"))
    if not copied:
        return
    facts = {
        "Title": package.title,
        "From": f"{package.sender}, {package.sender.email}",
        "Contents": f"{package.file_count:,} file{'' if package.file_count == 1 else 's'}, {units.size(package.size)}",
    }
    if event != Event.DOWNLOAD:
        facts["To"] = _open_recipients(package)
    letter = WORDINGS[event].letter({"sender": str(package.sender), "title": package.title, **more}, facts)
    about = f"cc:{event}:{about}{package.pk}"
    users = [one.user for one in copied if one.user and one.user.mails != User.Mails.NONE]
    digests.tell(users, about, letter, letter.title)
    for one in copied:
        if one.email:
            outbox.tell_outside(one.email, about, letter, "")


def _open_recipients(package: Package) -> str:
    """Return who gets a package, as the recipients themselves are told: without the private ones."""
    openly = package.deliveries.filter(private=False).select_related("recipient").order_by("recipient__name", "pk")
    named = ", ".join(one.who for one in openly[:NAMED])
    more = openly.count() - NAMED
    return f"{named} and {more:,} more" if more > 0 else named or "private recipients"
