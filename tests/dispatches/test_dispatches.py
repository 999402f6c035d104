"""What happens to a package at one server becomes known at the others: in order, once, however bad the line."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from posthouse.audit.log import Who
from posthouse.cluster import calls
from posthouse.cluster.errors import Broken, NoConnection, Refusal
from posthouse.cluster.transport import Reply
from posthouse.dispatches import inbox, outbox
from posthouse.dispatches.inbox import Told
from posthouse.dispatches.models import Channel, Dispatch, Heard
from posthouse.jobs import leases
from posthouse.jobs.job import Job
from posthouse.lib.ids import uuid7
from posthouse.packages import access, ending, lifecycle, receipts
from posthouse.packages.models import Delivery, Download, Ended, Package
from tests.packages.conftest import upload


class Line:
    """The network to another server, which takes every dispatch once; it may break."""

    def __init__(self):
        self.heard = []
        self.faults = []

    def send(self, place, method, target, headers, body, timeout, limit):
        fault = self.faults.pop(0) if self.faults else None
        if fault == "down":
            raise NoConnection("Nothing answers there.")
        told = inbox.read(json.loads(body)["dispatches"])
        self.heard += [one for one in told if one.number not in {other.number for other in self.heard}]
        if fault == "lost":
            raise Broken("The connection broke.")
        number = 0 if fault == "deaf" else told[-1].number
        return Reply(200, {}, json.dumps({"heard": number}).encode())


@pytest.fixture
def line(monkeypatch):
    monkeypatch.setattr("posthouse.cluster.signatures.sign", lambda *args, **more: {})
    line = Line()
    with calls.through(line):
        yield line


def work():
    """Do what the worker would do now; return how many channels had something to send."""
    done = 0
    while channel := leases.claim(outbox.due(), "test"):
        outbox.send(Job(channel))
        done += 1
    return done


def ended(package_id=None, number=1, how="recalled"):
    return Told(number, "ended", package_id or uuid7(), {"how": how, "who": "Bob"})


def test_a_recall_reaches_every_server_once_and_relays_on_the_way_end(draft, bob, carla, line, tokyo, rio):
    package = upload(draft("bob", "carla"))
    assert ending.end(package.pk, "recalled", Who("Alice"))
    assert Dispatch.objects.count() == 2
    assert not package.relays.exclude(state="failed").exists()
    assert work() == 2
    assert [(one.kind, one.package, one.facts["how"]) for one in line.heard] == [("ended", package.pk, "recalled")] * 2
    assert not Dispatch.objects.exists()
    assert work() == 0
    assert set(Channel.objects.values_list("state", flat=True)) == {"done"}


def test_an_expiry_needs_no_word_but_a_changed_one_does(draft, bob, line):
    package = upload(draft("bob"))
    ending.set_expiry(package.pk, timezone.now() - timedelta(seconds=1))
    assert ending.expire() == 1
    work()
    assert [one.kind for one in line.heard] == ["terms"]


def test_what_is_told_waits_for_a_server_that_is_away_and_keeps_its_order(draft, bob, line):
    package = upload(draft("bob"))
    line.faults = ["down", "lost", "down", "deaf"]
    first = timezone.now() + timedelta(days=1)
    for hours in range(3):
        ending.set_expiry(package.pk, first + timedelta(hours=hours))
    for _ in range(3):
        assert work() == 1
        assert Channel.objects.get().last_error
        Channel.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))
    assert work() == 1
    told = [one.facts["expires"] for one in line.heard]
    assert told == [(first + timedelta(hours=hours)).isoformat() for hours in range(3)]


def test_numbers_never_go_back_even_if_the_clock_does(draft, bob):
    package = upload(draft("bob"))
    ending.set_expiry(package.pk, None)
    with time_machine.travel(timezone.now() - timedelta(days=1)):
        ending.set_expiry(package.pk, None)
    first, second = Dispatch.objects.order_by("pk")
    assert second.number > first.number


def test_downloads_of_residents_are_told_to_the_senders_server(draft, alice, tokyo, line):
    package = upload(draft("alice"))
    Package.objects.update(origin=tokyo)
    download = Download.objects.create(
        package=package,
        user=alice,
        delivery=package.deliveries.get(),
        size=110,
        sent=110,
        whole=110,
        address="::1",
        ended_at=timezone.now(),
    )
    receipts.note(download)
    work()
    (told,) = line.heard
    assert (told.kind, told.package, told.facts["recipient"]) == ("fetched", package.pk, str(alice.pk))
    assert told.facts["whole"]


def test_what_comes_in_is_carried_out_once(draft, alice, tokyo):
    package = upload(draft("alice"))
    Package.objects.update(origin=tokyo)
    told = ended(package.pk, 7)
    assert inbox.take([told], tokyo) == 7
    package.refresh_from_db()
    assert (package.end, package.ended_by) == ("recalled", "Bob")
    before = package.ended_at
    assert inbox.take([told, ended(number=6)], tokyo) == 6
    package.refresh_from_db()
    assert package.ended_at == before
    assert Heard.objects.get().number == 7
    assert not Ended.objects.exists()


def test_only_the_senders_server_ends_a_package_or_changes_its_terms(draft, alice, tokyo, rio):
    package = upload(draft("alice"))
    Package.objects.update(origin=tokyo)
    terms = {"release": None, "expires": timezone.now().isoformat()}
    inbox.take([ended(package.pk, 1), Told(2, "terms", package.pk, terms)], rio)
    package.refresh_from_db()
    assert (package.ended_at, package.expires_at) == (None, None)


def test_only_a_recipients_home_tells_what_he_fetched(draft, bob, tokyo, rio):
    package = upload(draft("bob"))
    now = timezone.now().isoformat()
    facts = {"recipient": str(bob.pk), "files": 1, "first": now, "whole": now}
    inbox.take([Told(1, "fetched", package.pk, facts)], rio)
    assert Delivery.objects.get().fetched_at is None
    inbox.take([Told(1, "fetched", package.pk, facts)], tokyo)
    assert Delivery.objects.get().fetched_at


def test_what_a_resident_deletes_for_himself_is_told_to_the_senders_server_once(draft, alice, tokyo, line):
    package = upload(draft("alice"))
    Package.objects.update(origin=tokyo)
    for _ in range(2):
        ending.hide(Delivery.objects.get())
    work()
    (told,) = line.heard
    assert (told.kind, told.package, told.facts["recipient"]) == ("hidden", package.pk, str(alice.pk))


def test_only_a_recipients_home_tells_that_he_deleted_it(draft, alice, bob, tokyo, rio):
    package = upload(draft("bob", "alice"))
    at = timezone.now()
    for server, hidden in ((rio, None), (tokyo, at)):
        inbox.take([Told(1, "hidden", package.pk, {"recipient": str(bob.pk), "at": at.isoformat()})], server)
        assert Delivery.objects.get(recipient=bob).hidden_at == hidden
    later = (at + timedelta(hours=1)).isoformat()
    inbox.take([Told(2, "hidden", package.pk, {"recipient": str(bob.pk), "at": later})], tokyo)
    assert Delivery.objects.get(recipient=bob).hidden_at == at, "the first one counts"
    inbox.take([Told(3, "hidden", package.pk, {"recipient": str(alice.pk), "at": later})], tokyo)
    assert access.delivery(alice, package.pk), "she lives here, and nobody else hides it from her"


def test_what_was_deleted_here_needs_no_word(draft, alice, line):
    upload(draft("alice"))
    ending.hide(Delivery.objects.get())
    assert work() == 0


def test_a_release_that_was_brought_forward_is_carried_out(draft, alice, tokyo):
    package = draft("alice")
    Package.objects.update(release_at=timezone.now() + timedelta(days=1))
    upload(package)
    Package.objects.update(origin=tokyo)
    later = (timezone.now() + timedelta(days=2)).isoformat()
    inbox.take([Told(1, "terms", package.pk, {"release": later, "expires": later})], tokyo)
    assert access.delivery(alice, package.pk) is None
    assert lifecycle.release_due() == 0
    inbox.take([Told(2, "terms", package.pk, {"release": None, "expires": later})], tokyo)
    assert access.delivery(alice, package.pk)


@pytest.mark.parametrize("facts", [{}, {"how": "eaten", "who": ""}, {"how": None, "who": ""}])
def test_what_makes_no_sense_is_passed_over_and_not_asked_for_again(tokyo, paris, facts):
    assert inbox.take([Told(1, "ended", uuid7(), facts), ended(number=2)], tokyo) == 2
    assert Ended.objects.count() == 1


@pytest.mark.parametrize("found", [None, {}, [1], [{"number": "x"}], [{}] * 501])
def test_a_call_that_is_none_is_refused(found):
    with pytest.raises(Refusal):
        inbox.read(found)


def test_dispatches_to_a_removed_server_are_forgotten(draft, bob, tokyo):
    package = upload(draft("bob"))
    ending.set_expiry(package.pk, None)
    tokyo.removed_at = timezone.now()
    tokyo.save()
    assert work() == 0
    assert outbox.forget_removed() == 1


def test_the_channel_does_not_sleep_through_what_is_written_meanwhile(draft, bob, line, monkeypatch):
    package = upload(draft("bob"))
    ending.set_expiry(package.pk, None)
    plain = line.send

    def send(*args):
        reply = plain(*args)
        if len(line.heard) == 1:
            ending.set_expiry(package.pk, timezone.now())
        return reply

    monkeypatch.setattr(line, "send", send)
    work()
    assert len(line.heard) == 2
    assert not Dispatch.objects.exists()
