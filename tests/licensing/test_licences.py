"""What this server is licensed for decides what it does with others, and never loses a package or an administrator."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.audit import log as audit
from posthouse.audit.models import Event
from posthouse.cluster import incoming, pairing, servers
from posthouse.cluster.errors import Kind, Refusal
from posthouse.cluster.models import Server
from posthouse.licensing import licences, tokens
from posthouse.licensing.judging import State
from posthouse.licensing.models import Licence
from posthouse.licensing.tokens import BadLicence, Terms
from posthouse.notices import licence as notices
from posthouse.notices.models import OutgoingMail
from posthouse.sync import automatic, runs
from posthouse.sync.models import Copy, Run
from tests.conftest import PASSWORD
from tests.licensing.conftest import Issue
from tests.licensing.test_tokens import KEY

Licensed = Callable[..., Terms]


def test_without_an_issuer_nothing_is_asked_for(paris: Server) -> None:
    assert licences.standing().state is State.UNLICENSED
    assert licences.lacking() == ""
    assert servers.report()["licence"]["ok"] is True
    with pytest.raises(BadLicence, match="needs no licence"):
        licences.install("x", audit.COMMAND_LINE)


def test_installing_is_written_down(paris: Server, licensed: Licensed) -> None:
    licensed(seats=3)
    event = Event.objects.get(action="licence.installed")
    assert event.actor == "command line"
    assert "2026-1" in event.text
    assert licences.standing().seats == 3


def test_a_licence_of_another_server_or_of_the_past_is_not_installed(paris: Server, issue: Issue) -> None:
    with pytest.raises(BadLicence, match=f"{paris.name} has the id {paris.id}"):
        licences.install(issue(server=uuid4()), audit.COMMAND_LINE)
    with pytest.raises(BadLicence, match="has ended"):
        licences.install(issue(ends=timezone.now() - timedelta(days=3)), audit.COMMAND_LINE)
    assert not Licence.objects.exists()
    licences.install(issue(server=paris.id), audit.COMMAND_LINE)


def test_the_same_licence_twice_is_one_and_the_table_stays_short(
    paris: Server, licensed: Licensed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(licences, "MOST", 3)
    for serial in "aabcde":
        licensed(serial=serial)
    assert set(Licence.objects.values_list("serial", flat=True)) == {"c", "d", "e"}


def test_a_licence_of_an_issuer_who_is_not_trusted_any_more_counts_for_nothing(
    paris: Server, licensed: Licensed, monkeypatch: pytest.MonkeyPatch
) -> None:
    licensed()
    monkeypatch.setattr(settings.POSTHOUSE, "licence_issuer", tokens.text_of(KEY.public_key()))
    standing = licences.standing()
    assert standing.state is State.NONE
    assert "Licence 2026-1 cannot be used" in standing.problem


def test_every_multi_server_action_says_why_it_is_refused(paris: Server, tokyo: Server, issue: Issue) -> None:
    """R1."""
    why = "paris has no licence, and multi-server needs one with the multi-server entitlement"
    with pytest.raises(pairing.PairingRefused, match=why):
        pairing.may_convert()
    with pytest.raises(runs.NotPossible, match=why):
        runs.start(tokyo)
    with pytest.raises(Refusal, match=why) as refused:
        incoming.require_licence()
    assert (refused.value.kind, refused.value.code) == (Kind.ADMINISTRATOR, "licence")
    assert servers.report()["licence"]["ok"] is False


def test_a_licence_without_the_entitlement_does_not_let_servers_be_added(
    paris: Server, licensed: Licensed, client: Client, admin: User
) -> None:
    licensed(multi_server=False)
    Server.objects.filter(pk=paris.pk).update(role=Server.Role.STANDALONE)
    client.force_login(admin)
    page = client.get(reverse("cluster:convert"), secure=True).content.decode()
    assert "has no multi-server entitlement" in page
    assert "Server &gt; Configuration &gt; Licence" in page


def test_slaves_are_not_lost_while_the_master_has_no_licence(paris: Server, tokyo: Server, licensed: Licensed) -> None:
    """Automatic syncs pause, which is no failure of the slave, and go on with the next licence."""
    copy = Copy.objects.create(server=tokyo, status=Copy.Status.OK)
    licensed()
    ends = timezone.now() + timedelta(days=102)
    with time_machine.travel(ends, tick=False):
        assert automatic.start_due() == 0
        licensed(serial="2027-1", ends=ends + timedelta(days=300))
        assert automatic.start_due() == 1
    copy.refresh_from_db()
    assert (copy.status, copy.failures) == (Copy.Status.OK, 0)
    assert Run.objects.count() == 1


def test_servers_leave_a_cluster_without_a_licence(paris: Server, tokyo: Server, issue: Issue) -> None:
    pairing.remove(tokyo)
    tokyo.refresh_from_db()
    assert tokyo.removed_at is not None


def test_administrators_are_told_once_before_the_end_and_once_at_the_end(
    paris: Server, admin: User, licensed: Licensed
) -> None:
    licensed()
    now = timezone.now()
    for days, subjects in ((50, 0), (71, 1), (80, 1), (103, 2), (120, 2)):
        with time_machine.travel(now + timedelta(days=days), tick=False):
            notices.tell()
        assert OutgoingMail.objects.count() == subjects, days
    subjects = list(OutgoingMail.objects.order_by("created_at").values_list("subject", flat=True))
    assert "The licence of paris ends on" in subjects[0]
    assert "The licence of paris has ended" in subjects[1]


def test_the_bar_says_what_is_wrong_with_the_licence(paris: Server, issue: Issue, licensed: Licensed) -> None:
    (condition,) = notices.conditions()
    assert "paris has no licence" in condition.text
    licensed()
    assert list(notices.conditions()) == []
    with time_machine.travel(timezone.now() + timedelta(days=90), tick=False):
        (condition,) = notices.conditions()
    assert "The licence of paris ends on" in condition.text


def test_the_page_installs_what_is_pasted_or_chosen(paris: Server, admin: User, client: Client, issue: Issue) -> None:
    client.post(reverse("accounts:login"), {"username": "admin", "password": PASSWORD}, secure=True)
    url = reverse("licensing:licence")
    assert b"paris has no licence" in client.get(url, secure=True).content
    assert b"Paste the text of the licence" in client.post(url, {"text": ""}, secure=True).content
    assert b"should be one long line" in client.post(url, {"text": "hello"}, secure=True).content
    done = client.post(url, {"text": issue(seats=7)}, secure=True, follow=True).content.decode()
    assert "Licence 2026-1 for Example Films was installed." in done
    assert "of 7" in done
    file = SimpleUploadedFile("licence.txt", issue(serial="<b>2</b>", seats=9).encode())
    done = client.post(url, {"file": file}, secure=True, follow=True).content.decode()
    assert "of 9" in done
    assert "&lt;b&gt;2" in done
    assert "<b>2" not in done
    junk = SimpleUploadedFile("x.bin", bytes(range(256)) * 100)
    assert b"should be one long line" in client.post(url, {"file": junk}, secure=True).content


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"seats": None},
        {"seats": {"used": -1, "limit": None}},
        {"seats": {"used": 1}},
        {"seats": {"used": "1", "limit": 2}},
        {"seats": {"used": 10**12, "limit": None}},
    ],
)
def test_what_makes_no_sense_is_not_noted_about_other_servers(tokyo: Server, told: dict[str, object]) -> None:
    servers.note_report(tokyo, {"seats": {"used": 3, "limit": 10}})
    servers.note_report(tokyo, told)
    tokyo.refresh_from_db()
    assert tokyo.seats == {"used": 3, "limit": 10}


def test_the_page_is_for_administrators(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert client.get(reverse("licensing:licence"), secure=True).status_code == 403
