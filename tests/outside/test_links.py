"""People without an account fetch packages by links that are theirs alone, and end."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from posthouse.audit.log import Who
from posthouse.notices import smtp
from posthouse.notices.models import OutgoingMail
from posthouse.notices.outbox import SECRET
from posthouse.outside import guesses, links, secrets, visits
from posthouse.outside.models import Link
from posthouse.packages import drafts, ending, receipts
from posthouse.packages.models import Delivery, Download, OutsidePolicy, Package
from tests.conftest import make_user
from tests.packages.conftest import upload

EVE = "eve@outside.example"


@pytest.fixture
def send(alice):
    def send(*recipients, **terms):
        names = recipients or (EVE,)
        return upload(drafts.create(alice, "Rushes", "Look", names, [("a.mov", 10)], terms=drafts.Terms(**terms)))

    return send


def secret_of(email=EVE):
    return OutgoingMail.objects.get(to=email).secret


def visit(client, secret):
    return client.get(reverse("outside:open", args=[secret]), secure=True, follow=True)


def test_a_recipient_outside_gets_a_mail_with_a_link_of_his_own(send, monkeypatch):
    send(EVE, "mallory@outside.example")
    assert {mail.to for mail in OutgoingMail.objects.all()} == {EVE, "mallory@outside.example"}
    mail = OutgoingMail.objects.get(to=EVE)
    assert mail.secret not in mail.text + mail.html, "administrators read these"
    monkeypatch.setattr(settings.POSTHOUSE, "mail_from", "posthouse@example.com")
    message = smtp._message(mail, "posthouse@paris.example")
    address = f"{settings.POSTHOUSE.origin}{reverse('outside:open', args=[mail.secret])}"
    assert address in message.body
    assert address in message.alternatives[0][0]
    assert SECRET not in message.body


def test_the_link_leads_to_the_package_at_an_address_without_a_secret(send, client):
    package = send()
    answer = visit(client, secret_of())
    text = answer.content.decode()
    assert answer.redirect_chain[-1][0] == reverse("outside:package", args=[Link.objects.get().pk])
    assert "a.mov" in text
    assert f"/transfers/downloads/{package.pk}/all.zip" in text
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert Link.objects.get().opened_at
    cookie = f"{visits.COOKIE}={client.cookies[visits.COOKIE].value}"
    assert visits.delivery(cookie, package.pk).email == EVE


def test_a_cookie_opens_nothing_but_what_was_opened(send, client):
    first, second = send(), send("mallory@outside.example")
    visit(client, secret_of())
    cookie = f"{visits.COOKIE}={client.cookies[visits.COOKIE].value}"
    assert visits.delivery(cookie, second.pk) is None
    assert visits.delivery(cookie + "x", first.pk) is None
    other = Link.objects.get(delivery__email="mallory@outside.example")
    assert client.get(reverse("outside:package", args=[other.pk]), secure=True).status_code == 404
    visit(client, secret_of("mallory@outside.example"))
    cookie = f"{visits.COOKIE}={client.cookies[visits.COOKIE].value}"
    assert visits.delivery(cookie, first.pk), "one browser may have opened several"
    assert visits.delivery(cookie, second.pk)


def ways_to_end():
    later = timezone.now() + timedelta(days=31)
    return {
        "expired": lambda package: Link.objects.update(expires_at=timezone.now()),
        "recalled": lambda package: ending.end(package.pk, "recalled", Who("Alice")),
        "replaced": lambda package: links.give(Delivery.objects.get()),
        "fetched": lambda package: (
            Package.objects.update(outside_once=True),
            Delivery.objects.update(fetched_at=later - timedelta(days=40)),
        ),
    }


@pytest.mark.parametrize("how", ["expired", "recalled", "replaced", "fetched"])
def test_a_link_that_has_ended_is_like_one_that_never_was(send, client, how):
    package = send()
    secret = secret_of()
    visit(client, secret)
    cookie = f"{visits.COOKIE}={client.cookies[visits.COOKIE].value}"
    ways_to_end()[how](package)
    ended, guessed, cut = (visit(Client(), one) for one in (secret, secrets.new()[0], secret[:-1]))
    assert ended.status_code == guessed.status_code == cut.status_code == 404
    assert ended.content == guessed.content == cut.content
    assert visits.delivery(cookie, package.pk) is None, "and what was open is closed"


def test_a_link_is_good_for_its_days(send):
    send(link_days=3)
    with time_machine.travel(timezone.now() + timedelta(days=2, hours=23)):
        assert links.find(secret_of())
    with time_machine.travel(timezone.now() + timedelta(days=3, seconds=1)):
        assert links.find(secret_of()) is None


def test_a_password_is_asked_for_and_guessing_it_is_slow(send, client):
    send(link_password="correct horse")
    address = reverse("outside:open", args=[secret_of()])
    assert "a.mov" not in client.get(address, secure=True).content.decode()
    for _ in range(links.TRIES):
        assert client.post(address, {"password": "wrong"}, secure=True).status_code == 403
    assert client.post(address, {"password": "correct horse"}, secure=True).status_code == 403, "it must wait now"
    with time_machine.travel(timezone.now() + links.PAUSE + timedelta(seconds=1)):
        answer = client.post(address, {"password": "correct horse"}, secure=True, follow=True)
    assert "a.mov" in answer.content.decode()
    assert Link.objects.get().failures == 0


def test_the_policy_bounds_what_senders_choose(send, alice):
    OutsidePolicy.objects.create(days=7, password="must", once=True)
    for terms, words in (({}, "need a password"), ({"link_days": 8, "link_password": "long enough"}, "7 days at most")):
        with pytest.raises(drafts.Refused) as refused:
            send(**terms)
        assert words in refused.value.errors["outside"][0]
    package = send(link_password="long enough")
    assert (package.outside_days, package.outside_once) == (7, True)
    OutsidePolicy.objects.update(allowed=False)
    with pytest.raises(drafts.Refused, match="not sent to outside"):
        send(link_password="long enough")
    assert send("alice").outside_password == "", "among people who have accounts, nothing of it matters"


def test_who_has_an_account_is_no_outsider(send, alice, paris):
    package = send("ALICE@example.com", "alice", "Alice", EVE, EVE.upper())
    assert {(d.recipient, d.email) for d in package.deliveries.all()} == {(alice, ""), (None, EVE)}


@pytest.mark.parametrize(
    "address", ["eve@", "@outside.example", "eve@out side.example", "eve@outside", "a@b@c.example"]
)
def test_what_is_no_address_is_said(send, address):
    with pytest.raises(drafts.Refused) as refused:
        send(address)
    assert "no e-mail address" in refused.value.errors["recipients"][0]


def test_an_address_of_two_people_must_be_told_apart(send, paris):
    for login in ("erik", "frida"):
        make_user(login, paris)
    type(make_user("gina", paris)).objects.filter(login__in=("erik", "frida")).update(email="desk@example.com")
    with pytest.raises(drafts.Refused, match="Several people have the address"):
        send("desk@example.com")


def test_who_may_not_send_outside_is_refused(send, alice):
    alice.permissions = "-outside"
    alice.save()
    with pytest.raises(drafts.Refused, match="may not send to people outside"):
        send()


def test_the_sender_sees_what_was_fetched_and_gives_a_new_link(send, client, alice):
    package = send()
    delivery = package.deliveries.get()
    receipts.note(
        Download.objects.create(
            package=package, delivery=delivery, size=9, sent=9, whole=9, address="::1", ended_at=timezone.now()
        )
    )
    client.force_login(alice)
    text = client.get(reverse("packages:detail", args=[package.pk]), secure=True).content.decode()
    assert text.count(EVE) >= 2
    assert "Downloaded" in text
    before = Link.objects.get().digest
    answer = client.post(reverse("outside:again", args=[package.pk, delivery.pk]), secure=True, follow=True)
    assert "gets a new link" in answer.content.decode()
    assert Link.objects.get().digest != before
    assert OutgoingMail.objects.filter(to=EVE).count() == 2


def test_strangers_give_no_links(send, client, paris):
    package = send()
    client.force_login(make_user("erik", paris))
    answer = client.post(reverse("outside:again", args=[package.pk, package.deliveries.get().pk]), secure=True)
    assert answer.status_code == 404


def test_the_policy_is_set_by_administrators_of_the_master(client, admin, alice, paris):
    client.force_login(admin)
    address = reverse("outside:policy")
    refused = client.post(address, {"days": "0", "password": "may"}, secure=True)
    assert "Type a number from 1" in refused.content.decode()
    client.post(address, {"allowed": "on", "days": "", "password": "must"}, secure=True)
    policy = OutsidePolicy.objects.get()
    assert (policy.allowed, policy.days, policy.password) == (True, None, "must")
    client.force_login(alice)
    assert client.get(address, secure=True).status_code == 403


def test_a_link_that_has_ended_takes_the_same_queries_as_one_that_never_was(send, client):
    package = send()
    secret = secret_of()
    ending.end(package.pk, "recalled", Who("Alice"))
    visit(Client(), "x" * 43)  # the first guess makes the row in which they are counted

    def queries(secret):
        with CaptureQueriesContext(connection) as seen:
            visit(Client(), secret)
        return [query["sql"].split("WHERE")[0] for query in seen.captured_queries]

    assert queries(secret) == queries("x" * 43) == queries(secret[:-1])


def test_who_guesses_too_often_is_told_of_no_link_for_a_while(send, client, monkeypatch):
    monkeypatch.setattr(guesses, "MOST", 3)
    send()
    good = secret_of()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        answers = {visit(Client(), secrets.new()[0]).content for _ in range(3)}
        answers.add(visit(Client(), good).content)
        assert len(answers) == 1, "the same words as for a link that is not good"
        elsewhere = Client(REMOTE_ADDR="192.0.2.9")
        assert visit(elsewhere, good).status_code == 200
        clock.shift(guesses.PAUSE)
        assert visit(Client(), good).status_code == 200
        assert visit(Client(), secrets.new()[0]).status_code == 404
        assert visit(Client(), good).status_code == 200, "the count began anew"


def test_who_has_opened_his_link_goes_on_while_others_guess(send, client, monkeypatch):
    monkeypatch.setattr(guesses, "MOST", 2)
    send()
    page = visit(client, secret_of()).redirect_chain[-1][0]
    for _ in range(3):
        visit(Client(), secrets.new()[0])
    assert client.get(page, secure=True).status_code == 200


def test_some_files_can_be_chosen_and_one_alone_needs_no_choice(alice, client):
    upload(drafts.create(alice, "Two", "", [EVE], [("a.mov", 10), ("b.mov", 10)]))
    text = visit(client, secret_of()).content.decode()
    assert "some.zip" in text
    assert 'name="file"' in text


def test_what_is_in_it_is_told_to_whoever_opened_the_link_alone(send, client):
    package = send()
    visit(client, secret_of())
    address = reverse("outside:contents", args=[Link.objects.get().pk])
    told = client.get(address, secure=True).json()
    assert [file["path"] for file in told["files"]] == ["a.mov"]
    assert told["envelope"] is None
    assert str(package.pk) in told["downloads"]
    assert Client().get(address, secure=True).status_code == 404


def test_people_outside_see_200_files_on_a_page(alice, client):
    upload(drafts.create(alice, "Rushes", "", [EVE], [(f"{number:03}", 0) for number in range(201)]))
    answer = visit(client, secret_of())
    assert answer.content.count(b'class="tree-size"') == 200
    place = answer.redirect_chain[-1][0]
    assert client.get(place, {"page": "2"}, secure=True).content.count(b'class="tree-size"') == 1
    assert client.get(place, {"page": "x"}, secure=True).status_code == 404
