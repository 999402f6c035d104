"""An ended, used, cut or guessed link: the same answer for the same work, and nothing of what it once was.

Work is counted, not timed: queries by their shape, and hashes of passwords, each of which takes longer than all else.
"""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from posthouse.accounts import resets
from posthouse.accounts.hashers import TakingTurns
from posthouse.accounts.models import User
from posthouse.accounts.reset_models import PasswordLink
from posthouse.accounts.standards import Standard
from posthouse.audit.log import Who
from posthouse.notices.models import OutgoingMail
from posthouse.outside import guesses, invitations, links
from posthouse.outside.models import Invitation, Link
from posthouse.packages import drafts, ending
from posthouse.packages.models import Delivery, Package
from tests.packages.conftest import upload

EVE, WORD = "eve@outside.example", "a password of eight"
GUESSED = "x" * 43
VALUES = re.compile(r"'[^']*'|\b\d[\d.]*\b|s\d+_x\d+")
"""What differs in the same query: texts, numbers, and the names of savepoints."""


@pytest.fixture
def hashes(monkeypatch):
    """Return a list that grows by one for each hash of a password that is computed."""
    done: list[str] = []
    for name in ("encode", "verify"):
        whole = getattr(TakingTurns, name)

        def counted(self, *arguments, name=name, whole=whole):
            done.append(name)
            return whole(self, *arguments)

        monkeypatch.setattr(TakingTurns, name, counted)
    return done


@pytest.fixture
def work(hashes):
    """Return a function that opens a link, and returns what it is answered and what that took."""

    def work(place, data=None):
        client, before = Client(), len(hashes)
        with CaptureQueriesContext(connection) as seen:
            answer = client.get(place, secure=True) if data is None else client.post(place, data, secure=True)
        shapes = [VALUES.sub("?", query["sql"]) for query in seen.captured_queries]
        headers = sorted((name, value) for name, value in answer.headers.items() if name != "Expires")  # the time
        return answer.status_code, answer.content, headers, shapes, len(hashes) - before

    return work


def bad_links(alice, password):
    """Return secrets that open nothing, by what is wrong with them. Each is of a package of its own."""

    def made():
        number = Package.objects.count()
        terms = drafts.Terms(link_days=9, link_once=True, link_password=password)
        sent = upload(drafts.create(alice, f"Rushes {number}", "", [EVE], [("a", 10)], terms=terms))
        link = Link.objects.get(delivery__package=sent)
        return sent, link, OutgoingMail.objects.get(about=f"link:{link.pk}").secret

    secrets = {"guessed": GUESSED, "empty of sense": "x", "too long": "x" * 3000, "of other letters": "é\u200b" * 20}
    _, _, good = made()
    secrets["cut"] = good[:-1]
    secrets["doubled"] = good + good
    _, link, secrets["expired"] = made()
    Link.objects.filter(pk=link.pk).update(expires_at=timezone.now())
    sent, _, secrets["used"] = made()
    Delivery.objects.filter(package=sent).update(fetched_at=timezone.now() - links.GRACE)
    sent, _, secrets["recalled"] = made()
    ending.end(sent.pk, "recalled", Who("Alice"))
    sent, _, secrets["package over"] = made()
    Package.objects.filter(pk=sent.pk).update(expires_at=timezone.now())
    ending.expire()
    sent, _, secrets["replaced"] = made()
    links.give(sent.deliveries.get())
    return good, secrets


@pytest.mark.parametrize("password", ["", WORD])
@pytest.mark.parametrize("data", [None, {"password": WORD}, {"password": "wrong"}, {}])
def test_a_personal_link(alice, work, password, data):
    good, bad = bad_links(alice, password)
    work(reverse("outside:open", args=["once"]))  # the first guess makes the row in which they are counted
    answers = {name: work(reverse("outside:open", args=[secret]), data) for name, secret in bad.items()}
    wanted = answers["guessed"]
    assert wanted[0] == 404
    assert wanted[-1] == 0, "a password is hashed for none of them, whether its link had one or not"
    assert {name for name, answer in answers.items() if answer != wanted} == set()
    assert work(reverse("outside:open", args=[good]), data)[0] != 404


def test_the_password_of_a_link_costs_one_hash_right_wrong_or_while_none_is_taken(alice, work):
    good, _ = bad_links(alice, WORD)
    place = reverse("outside:open", args=[good])
    right, wrong = work(place, {"password": WORD}), work(place, {"password": "wrong"})
    Link.objects.update(failures=links.TRIES, failed_at=timezone.now())
    locked, locked_right = work(place, {"password": "wrong"}), work(place, {"password": WORD})
    assert [answer[0] for answer in (right, wrong, locked, locked_right)] == [302, 403, 403, 403]
    assert [answer[-1] for answer in (right, wrong, locked, locked_right)] == [1, 1, 1, 1]
    assert wrong[3] == locked[3] == locked_right[3]


def test_an_invitation(alice, work):
    def made():
        invitation = invitations.invite(alice, EVE, "", days=7, uses=1)
        return invitation, OutgoingMail.objects.get(about=f"invitation:{invitation.pk}").secret

    bad = {"guessed": GUESSED, "of other letters": "é\u200b" * 20, "too long": "x" * 3000}
    _, good = made()
    bad["cut"] = good[:-1]
    one, bad["expired"] = made()
    Invitation.objects.filter(pk=one.pk).update(expires_at=timezone.now())
    one, bad["used"] = made()
    Invitation.objects.filter(pk=one.pk).update(uses_left=0, used=1)
    one, bad["taken back"] = made()
    assert invitations.revoke(one)
    work(reverse("outside:invited", args=["once"]))
    answers = {name: work(reverse("outside:invited", args=[secret])) for name, secret in bad.items()}
    assert answers["guessed"][0] == 404
    assert {name for name, answer in answers.items() if answer != answers["guessed"]} == set()
    assert work(reverse("outside:invited", args=[good]))[0] == 302

    for change in ({"permissions": "-invite"}, {"is_active": False}, {"permissions": "", "is_active": True}):
        User.objects.filter(pk=alice.pk).update(**change)
        if change.get("is_active"):
            Standard.objects.create(role="user", permissions="download upload")
        assert work(reverse("outside:invited", args=[good])) == answers["guessed"], change


@pytest.mark.parametrize("data", [None, {"password": WORD, "again": WORD}])
def test_a_link_for_a_password(alice, paris, work, data):
    def made():
        resets.give(alice, "reset")
        return PasswordLink.objects.latest("pk"), OutgoingMail.objects.latest("created_at").secret

    bad = {"guessed": GUESSED, "of other letters": "é\u200b" * 20, "too long": "x" * 3000}
    used, bad["used"] = made()
    PasswordLink.objects.filter(pk=used.pk).update(used_at=timezone.now())
    old, bad["expired"] = made()
    PasswordLink.objects.filter(pk=old.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    _, good = made()
    bad["cut"] = good[:-1]
    work(reverse("accounts:choose", args=["once"]))
    answers = {name: work(reverse("accounts:choose", args=[secret]), data) for name, secret in bad.items()}
    assert answers["guessed"][0] == 404
    assert answers["guessed"][-1] == 0
    assert {name for name, answer in answers.items() if answer != answers["guessed"]} == set()
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert work(reverse("accounts:choose", args=[good]), data) == answers["guessed"]
    User.objects.filter(pk=alice.pk).update(is_active=True)
    assert work(reverse("accounts:choose", args=[good]), data)[0] in {200, 302}


@pytest.mark.parametrize(("place", "said"), [("outside:open", 404), ("outside:invited", 404), ("accounts:choose", 503)])
def test_guesses_of_any_length_are_counted_and_then_no_link_is_looked_at(alice, work, monkeypatch, place, said):
    monkeypatch.setattr(guesses, "MOST", 3)
    monkeypatch.setattr(resets, "MOST_WRONG", 2)
    good, _ = bad_links(alice, "")
    invitations.invite(alice, EVE, "", days=7, uses=1)
    resets.give(alice, "reset")
    secrets = {
        "outside:open": good,
        "outside:invited": OutgoingMail.objects.get(about__startswith="invitation").secret,
        "accounts:choose": OutgoingMail.objects.latest("created_at").secret,
    }
    answers = [work(reverse(place, args=[secret]))[0] for secret in ("x", "x" * 43, "x" * 3000)]
    assert answers == [404, 404, said], "the third is the one too many, and the answer to it says so or nothing"
    throttled = [work(reverse(place, args=[secret])) for secret in (secrets[place], GUESSED)]
    assert throttled[0] == throttled[1]
    assert throttled[0][0] == said
    assert not any("outside_link" in shape or "passwordlink" in shape for shape in throttled[0][3])
