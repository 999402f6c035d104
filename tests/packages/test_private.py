"""Private recipients: whatever is shown, mailed or told to anybody but the sender and themselves does not name them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.urls import reverse
from django.utils import timezone

from posthouse.audit.models import Event
from posthouse.dispatches.models import Dispatch
from posthouse.notices.models import DigestLine, OutgoingMail
from posthouse.packages import arrivals, drafts, ending, manifest, manifests, receipts, telling
from posthouse.packages.models import Delivery, Download, Package
from posthouse.relays import telling as relay_telling
from posthouse.relays.models import Relay
from tests.conftest import make_user
from tests.packages.conftest import upload

EVE, HIDDEN = "eve@outside.example", "zinnia@outside.example"
PRIVATE = ("quillon", "quorra", HIDDEN)
"""Of this server, of another one, and outside."""
JSON = {"Accept": "application/json"}


@pytest.fixture
def people(paris, tokyo, rio, alice, admin, bob):
    """Return the cast: whose names nobody else may learn of are Quillon, Quorra and Zinnia."""
    daily = {"mails": "daily"}
    cast = {login: make_user(login, paris) for login in ("dora", "erik", "quillon")}
    cast["fred"] = make_user("fred", paris, **daily)
    return cast | {"quorra": make_user("quorra", rio), "alice": alice, "bob": bob, "admin": admin}


@pytest.fixture
def package(alice, people):
    """Return a package that its private recipients have fetched, with everybody whom it could be told to."""
    openly = ["dora", "bob", "fred", "admin", EVE]
    cc = {event: ["erik", "cc@outside.example"] for event in ("upload", "receipt", "download")}
    terms = drafts.Terms(keep_days=1, link_days=3)
    made = upload(drafts.create(alice, "Rushes", "", openly, [("a", 5)], private=PRIVATE, cc=cc, terms=terms))
    for delivery in made.deliveries.filter(private=True):
        if delivery.home == made.origin:
            receipts.note(
                Download.objects.create(
                    package=made,
                    user=delivery.recipient,
                    delivery=delivery,
                    size=5,
                    sent=5,
                    whole=5,
                    address="::1",
                    ended_at=timezone.now(),
                )
            )
        else:
            receipts.heard(delivery.pk, 1, timezone.now(), timezone.now())
    Package.objects.update(status=Package.Status.COMPLETE)
    Delivery.objects.filter(available_at__isnull=False).update(
        available_at=timezone.now() - timezone.timedelta(days=2), first_fetched_at=None
    )
    telling.tell_of_end()
    return made


def carried(package, to=None):
    """Return what a relay carries to another server, as that reads it."""
    return repr(manifest.loads(manifest.dumps(manifests.of(package, to))))


def named(text):
    return [name for name in PRIVATE if name in text.lower()]


def test_no_page_and_no_call_names_them_to_others(client, package, people):
    places = [reverse(f"packages:{name}") for name in ("received", "sent", "archive", "all")]
    places += [reverse(f"packages:{name}", args=[package.pk]) for name in ("detail", "people", "forward", "contents")]
    places += [reverse("relays:package", args=[package.pk]), reverse("relays:history"), reverse("relays:index")]
    seen = 0
    for login in ("dora", "fred", "admin", "erik"):
        client.force_login(people[login])
        for place in places:
            for headers in ({}, {"HX-Request": "true"}, JSON):
                answer = client.get(place, secure=True, headers=headers)
                seen += b"Rushes" in answer.content
                assert not named(answer.content.decode()), (login, place)
    assert seen > 30, "others were shown the package"
    client.force_login(people["alice"])
    assert named(client.get(reverse("packages:people", args=[package.pk]), secure=True).content.decode()) == [*PRIVATE]


def test_one_private_recipient_is_not_shown_another(client, package, people):
    client.force_login(people["quillon"])
    text = client.get(reverse("packages:people", args=[package.pk]), secure=True).content.decode()
    assert "Dora" in text
    assert set(named(text)) == {"quillon"}


def test_their_names_find_nothing_for_others(client, package, people):
    for login, lists in (("dora", ["received"]), ("admin", ["received", "all"]), ("quillon", ["received"])):
        client.force_login(people[login])
        for name in lists:
            for words in (*PRIVATE, "quil", "quorra@example.com", "rushes quillon"):
                found = client.get(reverse(f"packages:{name}"), {"q": words}, secure=True, headers=JSON).json()
                assert found["packages"] == [], (login, name, words)
            assert client.get(reverse(f"packages:{name}"), {"q": "rushes"}, secure=True, headers=JSON).json()[
                "packages"
            ]
    client.force_login(people["alice"])
    for words in PRIVATE:
        found = client.get(reverse("packages:sent"), {"q": words}, secure=True, headers=JSON).json()
        assert len(found["packages"]) == 1, words


def test_no_mail_to_others_names_them(package, people):
    theirs = {f"{login}@example.com" for login in ("alice", "quillon", "quorra")} | {HIDDEN}
    others = OutgoingMail.objects.exclude(to__in=theirs)
    wanted = {"dora@example.com", "admin@example.com", "erik@example.com", "cc@outside.example", EVE}
    assert {mail.to for mail in others} == wanted
    assert {mail.about.split(":")[0] for mail in others} == {"package", "cc", "link", "expiring"}
    for mail in others:
        assert not named(f"{mail.subject}{mail.text}{mail.html}"), mail
    for line in DigestLine.objects.filter(person=people["fred"]):
        assert not named(line.text)
    assert DigestLine.objects.filter(person=people["fred"]).exists()
    assert not others.filter(about__startswith="cc:download").exists(), (
        "that a private one fetched it is told to nobody"
    )


def test_other_servers_learn_only_of_those_who_live_there(package, people, tokyo, rio):
    assert not named(carried(package, tokyo))
    assert named(carried(package, rio)) == ["quorra"]
    ids = [str(people[login].pk) for login in ("quillon", "quorra")]
    assert not any(one in carried(package, tokyo) for one in ids)
    ending.set_expiry(package.pk, timezone.now() + timezone.timedelta(days=3))
    ending.end(package.pk, Package.End.RECALLED)
    told = Dispatch.objects.all()
    assert {one.server for one in told} == {tokyo, rio}
    for one in told:
        assert not named(str(one.facts))
        assert not any(pk in str(one.facts) for pk in ids)


def test_a_relay_that_fails_does_not_name_them(package, people, rio, paris):
    relay = Relay.objects.get(package=package, destination=rio)
    relay_telling.failed(relay, "Nothing answers.")
    mail = OutgoingMail.objects.get(about__startswith="relay-failed", person=people["admin"])
    assert "1 private" in mail.text
    assert not named(f"{mail.text}{mail.html}{mail.subject}")

    found = manifests.of(package, paris)
    strangers = [replace(one, id=package.pk) for one in found.recipients if one.login in {"dora", "quillon"}]
    blobs = {file.number: file.blob for file in package.files.all()}
    Package.objects.all().delete()
    with pytest.raises(arrivals.UnknownRecipient) as caught:
        arrivals.admit(replace(found, recipients=tuple(strangers)), rio, blobs)
    assert str(caught.value).startswith("dora, 1 private recipient are not known")


def test_an_outside_recipient_sees_nobody_but_himself(client, package):
    secret = OutgoingMail.objects.get(to=EVE, about__startswith="link").secret
    text = client.get(reverse("outside:open", args=[secret]), secure=True, follow=True).content.decode()
    assert EVE in text
    assert not named(text)
    assert "Dora" not in text


def test_a_forwarded_package_says_nothing_of_those_who_got_it_before(client, package, people):
    client.force_login(people["dora"])
    call = {"title": "Again", "recipients": ["erik"], "private": []}
    place = reverse("packages:forward", args=[package.pk])
    answer = client.post(place, call, "application/json", secure=True)
    assert answer.status_code == 201
    assert not named(answer.content.decode())
    again = Package.objects.get(pk=answer.json()["package"])
    assert not named(carried(again))
    client.force_login(people["erik"])
    assert not named(client.get(reverse("packages:detail", args=[again.pk]), secure=True).content.decode())


def test_nobody_completes_them_because_they_got_something(client, package, people):
    client.force_login(people["dora"])
    found = client.get(reverse("packages:recipients"), {"q": "zinn"}, secure=True).json()
    assert found == {"people": []}, "whom Alice writes to outside is in her own book"


def test_administrators_find_them_in_the_audit_log_as_the_page_says(client, package, people):
    assert Event.objects.filter(subject_id=package.pk, action="package.downloaded", actor="Quillon").exists()
    client.force_login(people["alice"])
    new = client.get(reverse("packages:new"), secure=True).content.decode()
    assert "Administrators see them in the audit log and in Outgoing mail." in new
    client.force_login(people["admin"])
    page = client.get(reverse("packages:detail", args=[package.pk]), secure=True).content.decode()
    assert f"{reverse('audit:log')}?account={package.pk}" in page
    assert "Quillon" in client.get(reverse("audit:log"), {"account": str(package.pk)}, secure=True).content.decode()
