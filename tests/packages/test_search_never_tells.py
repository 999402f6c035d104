"""Whatever was sent, forwarded, hidden, put aside and ended, a search finds just what the person's own pages show."""

from __future__ import annotations

import random

import pytest
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.packages import drafts, ending, finding, listing, tokens
from posthouse.packages.access import told_of
from posthouse.packages.models import Delivery, Package
from tests.conftest import make_user
from tests.packages.conftest import upload

WORDS = ["rushes", "titles", "day", "größe", "sound", "映像", "take12"]


def shown(user: User, package: Package, *, hidden: bool) -> set[str]:
    """Return the words that the package's page shows this person, and its list an administrator."""
    texts = [package.title, package.note, str(package.sender), package.sender.email]
    deliveries = package.deliveries.all() if hidden else told_of(user, package)
    for delivery in deliveries.select_related("recipient"):
        # That somebody receives it privately he knows himself, and need not search for.
        if hidden or not delivery.private:
            texts.append(delivery.who)
        if hidden and delivery.recipient:
            texts += [delivery.recipient.login, delivery.recipient.email]
    texts += package.files.values_list("path", flat=True)
    return {word for text in texts for word in tokens.words(text)}


def matches(text: str, words: set[str]) -> bool:
    return all(
        any(word.startswith(one.word) if one.beginning else word == one.word for word in words)
        for one in tokens.asked(text)
    )


def mail(dice: random.Random, people: list[User]) -> None:
    """Send something to some people, a few of them privately, and let half of it arrive."""
    sender = dice.choice(people)
    to = [person.login for person in dice.sample(people, 3)]
    cut = dice.randrange(3)
    package = drafts.create(
        sender,
        " ".join(dice.sample(WORDS, 2)),
        dice.choice(["", *WORDS]),
        to[cut:],
        [(f"{dice.choice(WORDS)}/{dice.choice(WORDS)}{n}.mov", 3) for n in range(2)],
        private=to[:cut],
    )
    if dice.random() < 0.8:
        upload(package)


def happen(dice: random.Random) -> None:
    """Let something happen to a package or to somebody's share in it."""
    delivery = dice.choice(list(Delivery.objects.all()))
    match dice.randrange(4):
        case 0:
            Delivery.objects.filter(pk=delivery.pk).update(hidden_at=timezone.now())
        case 1:
            Delivery.objects.filter(pk=delivery.pk).update(archived_at=timezone.now())
        case 2:
            ending.end(delivery.package_id, Package.End.RECALLED)
        case _:
            Delivery.objects.filter(pk=delivery.pk).update(private=True)
            finding.renew(delivery.package_id)


@pytest.mark.parametrize("seed", range(4))
def test_a_search_finds_what_the_pages_show_and_nothing_else(paris, bob, admin, seed):
    dice = random.Random(seed)
    people = [make_user(name, paris) for name in ("anna", "dora", "eve", "fred")] + [bob]
    for _ in range(12):
        mail(dice, people)
        if dice.random() < 0.6:
            happen(dice)
    here = servers.this()
    questions = [*WORDS, "rush", "take", "12", "映", "anna", "do", "example", "fred rush", "titles day mov", "nothing"]
    for user in [*people, admin]:
        lists = {
            "received": (listing.received_by(user), "package__place", finding.sent_to(user), False),
            "archive": (listing.received_by(user, archived=True), "package__place", finding.sent_to(user), False),
            "sent": (listing.sent_by(user, here), "place", finding.sent_by(user), True),
        }
        if user == admin:
            lists["all"] = (listing.all_for(user, here), "place", "", True)
        for name, (rows, place, mark, hidden) in lists.items():
            there = {row.pk: shown(user, getattr(row, "package", row), hidden=hidden) for row in rows}
            for text in questions:
                found = finding.find(rows, place, text, None, 100, mark=mark, hidden=hidden)
                wanted = {pk for pk, words in there.items() if matches(text, words)}
                assert {row.pk for row in found} == wanted, (str(user), name, text)
