"""CC: people who are told of a package and get nothing of it."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from posthouse.notices.models import OutgoingMail
from posthouse.packages import access, drafts, lifecycle, limits, policies, receipts
from posthouse.packages.models import Delivery, OutsidePolicy, Package
from tests.conftest import make_user
from tests.packages.conftest import upload


@pytest.fixture
def dora(paris):
    return make_user("dora", paris)


def mails(event):
    return sorted((mail.to, mail.subject) for mail in OutgoingMail.objects.filter(about__startswith=f"cc:{event}"))


def send(sender, *recipients, private=(), **cc):
    return upload(drafts.create(sender, "Rushes", "", recipients, [("a", 10)], private=private, cc=cc))


def test_each_event_is_told_to_its_own_people_once(alice, dora, bob, paris):
    package = send(
        alice, "alice", upload=["dora", "DORA@example.com"], receipt=["Eve@Outside.example"], download=["bob"]
    )
    assert mails("upload") == [("dora@example.com", "Alice has uploaded “Rushes”")]
    assert mails("receipt") == [("eve@outside.example", "“Rushes” has arrived")]
    assert mails("download") == []
    now = timezone.now()
    for _ in range(2):
        receipts.heard(package.deliveries.get().pk, 1, now, now)
    assert mails("download") == [("bob@example.com", "Alice has downloaded “Rushes”")]


def test_they_may_open_nothing(alice, dora, paris):
    package = send(alice, "alice", upload=["dora"], receipt=["dora"], download=["dora"])
    assert access.may_fetch(dora, package.pk) is None
    assert not access.visible_to(dora).exists()
    assert not Delivery.objects.filter(recipient=dora).exists()


def test_arrival_is_told_when_the_last_server_has_it(alice, bob, dora):
    package = send(alice, "bob", "alice", receipt=["dora"])
    assert package.status == "relaying"
    assert mails("receipt") == []
    assert lifecycle.set_status(package.pk, "relaying", "complete")
    assert lifecycle.set_status(package.pk, "complete", "complete")
    assert len(mails("receipt")) == 1


def test_arrival_is_told_when_it_is_released(alice, dora, paris):
    later = timezone.now() + timezone.timedelta(days=1)
    cc = {"receipt": ["dora"]}
    package = upload(
        drafts.create(alice, "Rushes", "", ["alice"], [("a", 1)], cc=cc, terms=drafts.Terms(release_at=later))
    )
    assert mails("receipt") == []
    assert lifecycle.release_now(package.pk)
    assert len(mails("receipt")) == 1


def test_no_private_recipient_is_named(alice, bob, dora, paris):
    package = send(alice, "alice", private=["bob"], upload=["dora"], receipt=["dora"], download=["dora"])
    lifecycle.set_status(package.pk, "relaying", "complete")
    now = timezone.now()
    receipts.heard(package.deliveries.get(recipient=bob).pk, 1, now, now)
    told = OutgoingMail.objects.filter(about__startswith="cc:")
    assert told.count() == 2
    assert not any("Bob" in mail.subject + mail.text + mail.html for mail in told)


def test_who_wants_no_mails_about_packages_gets_none(alice, dora, paris):
    dora.mails = "none"
    dora.save()
    send(alice, "alice", upload=["dora"])
    assert mails("upload") == []


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        (["nobody"], "Nobody here is called"),
        (["a@b"], "is no e-mail address"),
        ([f"u{n}@example.org" for n in range(limits.COPIED + 1)], "more than 100 people"),
    ],
)
def test_what_is_wrong_with_them_is_told_and_nothing_is_made(alice, named, sentence):
    with pytest.raises(drafts.Refused) as caught:
        drafts.create(alice, "Rushes", "", ["alice"], [("a", 1)], cc={"upload": named})
    assert sentence in caught.value.errors["cc"][0]
    assert not Package.objects.exists()


def test_a_sender_who_reaches_his_workgroups_only_reaches_nobody_by_cc(alice, bob):
    alice.permissions = "-everyone -outside"
    with pytest.raises(drafts.Refused, match="workgroups only"):
        drafts.create(alice, "Rushes", "", ["alice"], [("a", 1)], cc={"upload": ["bob"]})
    with pytest.raises(drafts.Refused, match="people outside"):
        drafts.create(alice, "Rushes", "", ["alice"], [("a", 1)], cc={"upload": ["eve@outside.example"]})


def test_an_administrator_is_shown_no_private_recipient_in_the_list_of_all_packages(alice, bob, dora, admin, client):
    send(alice, "dora", private=["bob"])
    send(alice, private=["bob"])
    client.force_login(admin)
    content = client.get(reverse("packages:all"), secure=True).content.decode()
    assert "Dora" in content
    assert "Private recipients" in content
    assert "Bob" not in content
    client.force_login(alice)
    assert client.get(reverse("packages:sent"), secure=True).content.decode().count("Bob") == 2


def test_nobody_outside_is_told_where_nothing_goes_outside(alice, dora, paris):
    OutsidePolicy.objects.create(allowed=False)
    with pytest.raises(drafts.Refused) as refused:
        send(alice, "alice", upload=["dora", "eve@outside.example"])
    assert refused.value.errors == {"cc": [policies.NOBODY_OUTSIDE]}
    send(alice, "alice", upload=["dora"])
    assert len(mails("upload")) == 1
