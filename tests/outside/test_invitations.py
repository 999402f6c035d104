"""People outside send packages to who invited them, as often and as long as they were invited."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.accounts.standards import Standard
from posthouse.audit.models import Event
from posthouse.homes import behind
from posthouse.homes.external import homes_of_external
from posthouse.homes.models import Rule
from posthouse.notices.models import OutgoingMail
from posthouse.outside import browsers, invitations, visits
from posthouse.outside.models import Invitation
from posthouse.packages import access, rights
from posthouse.packages.models import Package
from tests.conftest import make_user
from tests.packages.conftest import upload

EVE = "eve@outside.example"


@pytest.fixture
def invited(alice):
    invitation = invitations.invite(alice, EVE, "The rushes, please.", days=7, uses=2)
    return invitation, OutgoingMail.objects.get().secret


@pytest.fixture
def eve(client, invited):
    client.get(reverse("outside:invited", args=[invited[1]]), secure=True, follow=True)
    return client


def send(client, invitation, **more):
    call = {"title": "Rushes", "note": "", "files": [{"path": "a.mov", "size": 10}], "key": "k1"} | more
    address = reverse("outside:send", args=[invitation.pk])
    return client.post(address, json.dumps(call), content_type="application/json", secure=True)


def test_the_invitation_leads_to_a_page_without_a_secret(client, invited, alice):
    answer = client.get(reverse("outside:invited", args=[invited[1]]), secure=True, follow=True)
    assert answer.redirect_chain[-1][0] == reverse("outside:send", args=[invited[0].pk])
    text = answer.content.decode()
    assert "The rushes, please." in text
    assert 'id="to"' not in text, "there is nobody to choose"


def test_nothing_is_sent_any_more_to_who_may_not_invite(eve, invited):
    assert send(eve, invited[0]).status_code == 201
    Standard.objects.create(role="user", permissions="download upload")
    refused = send(eve, invited[0], key="k2")
    assert refused.status_code == 422
    assert "has ended" in refused.json()["errors"]["files"][0]
    assert Package.objects.count() == 1
    assert send(eve, invited[0]).status_code == 201, "what was begun goes on"


def test_what_somebody_outside_sends_is_the_inviters(eve, invited, alice):
    answer = send(eve, invited[0])
    assert answer.status_code == 201
    package = Package.objects.get()
    assert (package.sender, package.outside_sender) == (alice, EVE)
    assert rights.check(answer.json()["right"]) == package
    upload(package)
    assert access.delivery(alice, package.pk)
    there = eve.get(answer.json()["url"], secure=True).content.decode()
    assert "Everything is there" in there
    assert eve.get(answer.json()["again"], secure=True).json()["status"] == "complete"


def test_an_invitation_is_used_as_often_as_it_may_and_no_more(eve, invited):
    assert [send(eve, invited[0], key=key).status_code for key in ("a", "a", "b", "c")] == [201, 201, 201, 422]
    assert Package.objects.count() == 2
    assert (
        "as much as the invitation allows"
        in eve.get(reverse("outside:send", args=[invited[0].pk]), secure=True).content.decode()
    )


def test_a_call_without_a_name_of_its_own_is_one_each_time(eve, invited):
    answers = [send(eve, invited[0], key="").json() for _ in range(2)]
    assert answers[0]["package"] != answers[1]["package"]
    assert eve.get(answers[1]["again"], secure=True).status_code == 200


def test_a_package_that_is_refused_uses_nothing_up(eve, invited):
    assert send(eve, invited[0], title="").status_code == 422
    assert Invitation.objects.get().uses_left == 2


@pytest.mark.parametrize("how", ["revoked", "over", "inviter gone", "inviter may not"])
def test_an_invitation_that_has_ended_is_like_one_that_never_was(eve, invited, how):
    invitation, secret = invited
    if how == "revoked":
        assert invitations.revoke(invitation)
        assert not invitations.revoke(invitation)
    elif how == "over":
        Invitation.objects.update(expires_at=timezone.now())
    elif how == "inviter gone":
        User.objects.update(is_active=False)
    else:
        User.objects.update(permissions="-invite")
    ended = Client().get(reverse("outside:invited", args=[secret]), secure=True)
    guessed = Client().get(reverse("outside:invited", args=["x" * 43]), secure=True)
    assert ended.status_code == guessed.status_code == 404
    assert ended.content == guessed.content
    if how != "inviter may not":
        assert send(eve, invitation).status_code == 404


def test_no_other_browser_sees_what_was_sent(eve, invited):
    answer = send(eve, invited[0]).json()
    assert Client().get(answer["again"], secure=True).status_code == 404
    assert Client().get(reverse("outside:send", args=[invited[0].pk]), secure=True).status_code == 404


def test_an_invitation_does_not_show_the_inviters_other_packages(eve, invited, alice, bob, draft):
    other = draft("alice")
    address = reverse("outside:upload", args=[invited[0].pk, other.pk])
    assert eve.get(address, secure=True).status_code == 404


def test_an_upload_may_take_longer_than_the_last_use(eve, invited):
    answers = [send(eve, invited[0], key=key).json() for key in ("a", "b")]
    assert eve.get(answers[0]["again"], secure=True).json()["right"]


def test_people_invite_list_and_take_back(client, alice, paris):
    client.force_login(alice)
    page = client.post(
        reverse("outside:invite"),
        {"email": EVE.upper(), "note": "", "days": "3", "uses": "1"},
        secure=True,
        follow=True,
    ).content.decode()
    assert EVE in page
    assert "0 sent, 1 left" in page
    made = Invitation.objects.get()
    assert made.expires_at - timezone.now() < timedelta(days=3)
    client.force_login(make_user("erik", paris))
    assert client.post(reverse("outside:revoke", args=[made.pk]), secure=True).status_code == 404
    client.force_login(alice)
    assert (
        "taken back"
        in client.post(reverse("outside:revoke", args=[made.pk]), secure=True, follow=True).content.decode()
    )
    assert set(Event.objects.values_list("action", flat=True)) >= {"invitation.made", "invitation.revoked"}
    for bad in ({"days": "91"}, {"uses": "0"}, {"email": "eve"}):
        data = {"email": EVE, "note": "", "days": "3", "uses": "1"} | bad
        assert client.post(reverse("outside:invite"), data, secure=True).status_code == 200
    assert Invitation.objects.count() == 1


def test_who_may_not_invite_is_told(client, alice):
    alice.permissions = "-invite"
    alice.save()
    client.force_login(alice)
    answer = client.get(reverse("outside:invite"), secure=True)
    assert answer.status_code == 403
    assert "may not invite" in answer.content.decode()


def test_an_invitation_ends_with_its_day(invited):
    with time_machine.travel(timezone.now() + timedelta(days=7, seconds=1)):
        assert invitations.find(invited[1]) is None


def test_what_somebody_outside_sends_goes_to_the_inviters_server_whatever_the_rules_say(eve, invited, alice, tokyo):
    """The rules look at recipients outside, not at senders (M9)."""
    Rule.objects.create(name="Outside", external=True, email_pattern="@outside[.]", home=tokyo, position=1)
    assert homes_of_external([EVE]) == {EVE: tokyo.pk}
    send(eve, invited[0])
    package = Package.objects.get()
    assert package.origin == alice.home
    assert [delivery.home for delivery in package.deliveries.all()] == [alice.home]


def test_open_invitations_are_among_what_stays_behind_when_the_inviter_moves(invited, alice, admin):
    def left(user):
        return [str(each) for each in behind.of(User.objects.filter(pk=user.pk).values("pk"))]

    assert left(alice) == ["1 open invitation"]
    assert left(admin) == []
    invitations.revoke(invited[0])
    assert left(alice) == []


def test_what_comes_by_an_invitation_follows_an_inviter_who_has_moved(eve, invited, alice, tokyo):
    User.objects.filter(pk=alice.pk).update(home=tokyo)
    send(eve, invited[0])
    package = Package.objects.get()
    assert package.origin.is_self, "the link leads to the server where it was made"
    assert [delivery.home for delivery in package.deliveries.all()] == [tokyo]


def opened(client, secret):
    return client.get(reverse("outside:invited", args=[secret]), secure=True, follow=True)


def test_by_the_link_an_upload_is_gone_on_with_though_the_last_use_is_gone(eve, invited):
    invitation, secret = invited
    Invitation.objects.update(uses_left=1)
    package = Package.objects.get(pk=send(eve, invitation).json()["package"])
    del eve.cookies[visits.COOKIE]  # it lasts for hours; the name of the browser for as long as an invitation
    page = opened(eve, secret)
    assert page.redirect_chain[-1][0] == reverse("outside:send", args=[invitation.pk])
    place = reverse("outside:sent", args=[invitation.pk, package.pk])
    assert place in page.content.decode()
    assert eve.get(place, secure=True).status_code == 200
    assert 'id="new-package"' not in page.content.decode(), "nothing more can be sent"
    upload(package)
    assert Client().get(reverse("outside:invited", args=[secret]), secure=True).status_code == 404


def test_who_has_the_same_invitation_sees_nothing_of_what_another_browser_sends(eve, invited):
    invitation, secret = invited
    package = send(eve, invitation, title="Merger").json()["package"]
    other = Client()
    text = opened(other, secret).content.decode()
    assert "In another browser" in text
    assert "Merger" not in text
    for name in ("sent", "upload"):
        place = reverse(f"outside:{name}", args=[invitation.pk, package])
        assert eve.get(place, secure=True).status_code == 200
        assert other.get(place, secure=True).status_code == 404
    assert "Merger" in eve.get(reverse("outside:send", args=[invitation.pk]), secure=True).content.decode()
    again = send(other, invitation, title="Another").json()["package"]
    assert again != package, "though both call it by the same key"
    assert "Another" not in opened(eve, secret).content.decode()


@pytest.mark.parametrize("cookie", ["", "short", "x" * 43])
def test_a_browser_without_its_name_sends_and_sees_nothing(eve, invited, cookie):
    invitation, _ = invited
    package = send(eve, invitation, title="Merger").json()["package"]
    eve.cookies[browsers.COOKIE] = cookie
    assert eve.get(reverse("outside:sent", args=[invitation.pk, package]), secure=True).status_code == 404
    page = eve.get(reverse("outside:send", args=[invitation.pk]), secure=True)
    assert page.status_code == (200 if len(cookie) == 43 else 404)
    assert "Merger" not in page.content.decode()


def test_an_upload_of_another_browser_is_discarded_and_its_use_comes_back(eve, invited):
    invitation, secret = invited
    Invitation.objects.update(uses_left=1)
    package = send(eve, invitation).json()["package"]
    other = Client()
    text = opened(other, secret).content.decode()
    place = reverse("outside:discard", args=[invitation.pk, package])
    assert place in text
    assert other.get(place, secure=True).status_code == 405
    text = other.post(place, secure=True, follow=True).content.decode()
    assert "The upload was discarded." in text
    assert 'id="new-package"' in text
    assert Package.objects.get(pk=package).status == "error"
    invitation.refresh_from_db()
    assert (invitation.uses_left, invitation.used) == (1, 0)
    assert "ended already" in other.post(place, secure=True, follow=True).content.decode()
    invitation.refresh_from_db()
    assert invitation.uses_left == 1, "it came back once"
    assert send(other, invitation).status_code == 201


def test_only_an_upload_of_this_invitation_is_discarded(eve, invited, alice, draft):
    other = draft("alice")
    finished = send(eve, invited[0]).json()["package"]
    upload(Package.objects.get(pk=finished))
    for package in (other.pk, finished):
        eve.post(reverse("outside:discard", args=[invited[0].pk, package]), secure=True)
    assert Package.objects.get(pk=other.pk).status == "uploading"
    assert Package.objects.get(pk=finished).status == "complete"
    assert Client().post(reverse("outside:discard", args=[invited[0].pk, other.pk]), secure=True).status_code == 404


def test_long_names_of_calls_that_differ_at_their_end_are_two(eve, invited):
    answers = {send(eve, invited[0], key="k" * 63 + end).json()["package"] for end in "ab"}
    assert len(answers) == 2
