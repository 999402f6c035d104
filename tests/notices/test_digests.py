"""People who want one e-mail a day get one a day, with everything, and nobody gets too many."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.notices import digests, outbox
from posthouse.notices.models import DigestLine, OutgoingMail
from posthouse.packages import receipts
from posthouse.packages.models import Download
from tests.conftest import make_user
from tests.notices.conftest import LETTER, told
from tests.packages.conftest import upload

NIGHT = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)


@pytest.fixture
def dora(paris):
    return make_user("dora", paris, mails=User.Mails.DAILY)


@pytest.mark.parametrize(
    ("oldest", "now", "zone", "due"),
    [
        ("2026-11-28T06:00+00:00", "2026-11-28T06:59+00:00", "UTC", False),
        ("2026-11-28T06:00+00:00", "2026-11-28T07:00+00:00", "UTC", True),
        ("2026-11-28T07:00+00:00", "2026-11-28T23:59+00:00", "UTC", False),  # the next morning
        ("2026-11-28T08:00+00:00", "2026-11-29T07:00+00:00", "UTC", True),
        ("2026-11-27T23:00+00:00", "2026-11-27T22:00+00:00", "Asia/Tokyo", False),  # 8 o'clock there: too late
        ("2026-11-27T21:00+00:00", "2026-11-27T22:00+00:00", "Asia/Tokyo", True),
        ("2026-11-28T06:00+00:00", "2026-11-27T00:00+00:00", "UTC", False),  # a clock that was set back
        ("2026-03-29T00:30+00:00", "2026-03-29T05:00+00:00", "Europe/Paris", True),  # summer time began that night
    ],
)
def test_the_hour_is_seven_in_the_morning_where_the_reader_is(oldest, now, zone, due):
    moments = [datetime.fromisoformat(text) for text in (oldest, now)]
    assert digests.is_due(*moments, ZoneInfo(zone)) is due


def test_all_of_a_day_is_in_one_mail(draft, alice, dora):
    with time_machine.travel(NIGHT, tick=False) as clock:
        for number in range(3):
            upload(draft("dora", title=f"Rushes <{number}>"))
        assert told() == []
        assert digests.send_due() == 0, "it is night"
        clock.move_to(NIGHT + timedelta(hours=5))
        assert digests.send_due() == 1
        assert digests.send_due() == 0
        mail = OutgoingMail.objects.get()
        assert (mail.to, mail.subject) == ("dora@example.com", "3 news about packages on paris")
        for number in range(3):
            assert f"{number + 1}: Alice sent you “Rushes <{number}>”\n" in mail.text
            assert f"Rushes &lt;{number}&gt;" in mail.html
        clock.move_to(NIGHT + timedelta(days=1, hours=5))
        assert digests.send_due() == 0, "nothing has happened"
        upload(draft("dora"))
        clock.move_to(NIGHT + timedelta(days=2, hours=5))
        assert digests.send_due() == 1


def test_what_stood_in_a_digest_stands_in_no_other(dora):
    digests.tell([dora], "x", LETTER, "one")
    digests.send(dora.pk)
    digests.tell([dora], "x", LETTER, "one")
    assert digests.send(dora.pk) is False
    assert OutgoingMail.objects.count() == 1


def test_a_line_exists_only_if_its_event_is_committed(dora):
    with transaction.atomic():
        digests.tell([dora], "x", LETTER, "one")
        transaction.set_rollback(True)
    assert not DigestLine.objects.exists()


def test_each_gets_it_as_he_has_chosen(paris):
    people = [make_user(choice.value, paris, mails=choice) for choice in User.Mails]
    digests.tell(people, "x", LETTER, "line")
    assert [to for to, _ in told()] == ["all@example.com", "every@example.com"]
    assert DigestLine.objects.get().person.login == "daily"


def test_who_has_chosen_otherwise_meanwhile_gets_what_he_wants_now(dora):
    digests.tell([dora], "x", LETTER, "one")
    User.objects.filter(pk=dora.pk).update(mails=User.Mails.NONE)
    digests.send(dora.pk)
    assert told() == []
    assert not DigestLine.objects.filter(sent_at=None).exists()


def test_nobody_is_told_who_cannot_log_in(paris):
    gone = make_user("gone", paris, mails=User.Mails.DAILY, is_active=False)
    digests.tell([gone], "x", LETTER, "one")
    assert not DigestLine.objects.exists()


def test_a_long_digest_names_fifty_and_counts_the_others(dora):
    for number in range(60):
        digests.tell([dora], str(number), LETTER, f"line {number}\r\n<b>\u202e")
    digests.send(dora.pk)
    text = OutgoingMail.objects.get().text
    assert "50: line 49 <b>\n…: and 10 more\n" in text
    assert OutgoingMail.objects.get().subject == "60 news about packages on paris"


def test_a_failed_relay_is_always_told_at_once(alice):
    User.objects.filter(pk=alice.pk).update(mails=User.Mails.DAILY)
    alice.refresh_from_db()
    outbox.tell([alice], "relay-failed:x", LETTER)
    assert len(told()) == 1


def fetch(package):
    return receipts.note(
        Download.objects.create(
            package=package,
            user=package.deliveries.get().recipient,
            delivery=package.deliveries.get(),
            size=10,
            sent=10,
            whole=10,
            address="::1",
            file=package.files.get(),
            ended_at=timezone.now(),
        )
    )


@pytest.mark.parametrize(
    ("choice", "mails", "lines"),
    [("every", 0, 0), ("none", 0, 0), ("all", 2, 0), ("daily", 0, 2)],
)
def test_senders_are_told_of_their_own_if_they_want(draft, alice, paris, choice, mails, lines):
    make_user("eve", paris, mails=User.Mails.NONE)
    User.objects.filter(pk=alice.pk).update(mails=choice)
    alice.refresh_from_db()
    package = upload(draft("eve", title="Day 12"))
    fetch(package)
    fetch(package)
    assert (len(told()), DigestLine.objects.count()) == (mails, lines)
    if mails:
        assert told() == [
            ("alice@example.com", "Eve has downloaded “Day 12”"),
            ("alice@example.com", "“Day 12” was sent"),
        ]


def test_old_lines_are_forgotten(dora):
    digests.tell([dora], "x", LETTER, "one")
    digests.send(dora.pk)
    DigestLine.objects.update(sent_at=timezone.now() - timedelta(days=31))
    digests.tell([dora], "y", LETTER, "two")
    assert digests.forget_old() == 1
