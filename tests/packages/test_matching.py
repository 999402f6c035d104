"""The index of packages: however a database is asked, it yields all places with the words, newest first, once."""

from __future__ import annotations

import random

import pytest
from django.db import connection

from posthouse.packages import matching, tokens
from posthouse.packages.models import Package, Place

MANY = 120
MOST = 10**6


def words_of(n: int) -> list[str]:
    """Return words that are frequent, rare, of the newest, of the oldest, and never together, and marks."""
    words = ["@rmany"] if n % 3 else ["@rother"]
    words += ["@rfew"] * (n % 40 == 7)
    words += ["all", "odd" if n % 2 else "even", f"take{n}"]
    words += ["former"] * (n < 60) + ["recent"] * (n >= 110) + ["once"] * (n == 1)
    words += ["elder"] * (n < 100 and n % 5 == 1)
    words += ["rush"] * (n % 4 == 0) + ["rushes"] * (n % 4 == 1) + [f"{matching.HIDDEN}private"] * (n % 7 == 0)
    return words


@pytest.fixture
def there(alice, paris) -> dict[int, set[str]]:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM packages_words")  # emptying the models between tests leaves it as it is
    packages = Package.objects.bulk_create(Package(title="x", sender=alice, origin=paris) for _ in range(MANY))
    Place.objects.bulk_create(Place(number=n, package=package) for n, package in enumerate(packages))
    for n in range(MANY):
        matching.write(n, words_of(n))
    return {n: set(words_of(n)) for n in range(MANY)}


def wanted(there, asked, mark, behind, hidden):
    def fits(words):
        looked_at = words | {word.removeprefix(matching.HIDDEN) for word in words if hidden}
        return (not mark or mark in words) and all(
            any(word.startswith(one.word) if one.beginning else word == one.word for word in looked_at) for one in asked
        )

    return [n for n in sorted(there, reverse=True) if (behind is None or n < behind) and fits(there[n])]


@pytest.mark.parametrize(("newest", "dense", "few"), [(3000, 10, 1000), (1, 1, 1), (5, 2, 3), (8, 3, 10), (12, 2, 0)])
def test_all_places_with_the_words_are_yielded_newest_first(there, monkeypatch, newest, dense, few):
    for name, value in {"NEWEST": newest, "DENSE": dense, "FEW": few, "CHUNK": 7}.items():
        monkeypatch.setattr(matching, name, value)
    dice = random.Random(newest)
    texts = ("all", "odd", "odd even", "former", "recent", "once", "elder", "elder odd", "rush", "rush all", "private")
    for text in (*texts, "take1", "take17", "nonesuch", "nonesuch all", "former recent"):
        asked = tokens.asked(text)
        for mark in ("", "@rmany", "@rfew", "@rnobody"):
            for behind in (None, dice.randrange(MANY), 0):
                hidden = dice.random() < 0.5
                first = dice.choice((1, 4, 50))
                lists = list(matching.places(asked, mark, behind, first, MOST, hidden=hidden))
                told = (text, mark, behind, hidden, first)
                assert [n for each in lists for n in each] == wanted(there, asked, mark, behind, hidden), told
                assert all(lists), told
                assert not lists or len(lists[0]) <= first, told


def test_a_question_may_end_after_so_many_places(there, monkeypatch):
    monkeypatch.setattr(matching, "CHUNK", 4)
    monkeypatch.setattr(matching, "NEWEST", 2)
    for text in ("all", "former", "once"):
        asked = tokens.asked(text)
        all_of_them = wanted(there, asked, "", None, False)
        found = [n for each in matching.places(asked, "", None, 4, 10) for n in each]
        assert found == all_of_them[: len(found)]
        assert len(found) >= min(10, len(all_of_them))
