"""HTML and scripts in every text that people can type about packages and people: every page shows them as text."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from posthouse.accounts.models import Membership, User, Workgroup
from posthouse.audit import log as audit
from posthouse.contacts.models import Contact, Member, PersonalList
from posthouse.homes.models import Rule
from posthouse.notices.models import OutgoingMail
from posthouse.outside import invitations
from posthouse.outside.models import Invitation, Link
from posthouse.packages import drafts, lifecycle
from posthouse.packages.models import Download, Package
from tests.conftest import make_user
from tests.packages.conftest import upload

MARK = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'>"
RAW = re.compile(r"<script>alert|<img src=x|onerror=alert\(1\)>\"")
APPS = ("packages", "outside", "contacts", "accounts", "relays", "notices", "audit", "homes", "web")
LEFT_OUT = {"accounts:logout", "outside:open", "outside:invited", "accounts:choose", "packages:worker"}


@pytest.fixture
def everything(paris, tokyo, alice, admin, bob):
    """Fill every text field with markup, and return the ids of what was made."""
    for server in (paris, tokyo):
        server.name = f"{server.name} <b>"
        server.save()
    dora = make_user("dora", paris)
    User.objects.update(name=MARK)
    for user in (alice, dora):
        user.refresh_from_db()
    group = Workgroup.objects.create(name=MARK, description=MARK)
    for user in (alice, admin, dora):
        Membership.objects.create(user=user, workgroup=group, is_administrator=user == alice)
    contact = Contact.objects.create(owner=alice, name=MARK, email="eve@outside.example")
    mine = PersonalList.objects.create(owner=alice, name=MARK)
    Member.objects.create(list=mine, contact=contact)
    files = [(f"{MARK[:8]}folder/{MARK.split('/')[0]}.mov", 3), ("<img src=x onerror=alert(1)>", 3)]
    to = ["dora", "bob", "alice", "admin", "eve@outside.example"]
    package = upload(drafts.create(alice, MARK, MARK, to, files, cc={"upload": ["dora"], "receipt": ["admin"]}))
    waiting = drafts.create(alice, MARK, MARK, ["alice"], files)
    failed = drafts.create(alice, MARK, MARK, ["alice"], files)
    lifecycle.give_up(failed, MARK)
    package.relays.update(last_error=MARK, trouble="")
    Download.objects.create(package=package, user=dora, file=package.files.first(), size=3, address="::1")
    invitation = invitations.invite(alice, "eve@outside.example", MARK, days=7, uses=3)
    rule = Rule.objects.create(name=MARK, email_pattern="<script>", home=paris, position=1)
    audit.record(audit.Who(MARK), "package.sent", MARK, package)
    mail = OutgoingMail.objects.filter(about__startswith="link").get()
    return {
        "package_id": [package.pk, waiting.pk, failed.pk],
        "contact_id": [contact.pk],
        "list_id": [mine.pk],
        "group_id": [group.pk],
        "user_id": [dora.pk, alice.pk],
        "invitation_id": [invitation.pk],
        "link_id": [Link.objects.get().pk],
        "delivery_id": [package.deliveries.first().pk],
        "rule_id": [rule.pk],
        "mail_id": [mail.pk],
        "server_id": [tokyo.pk],
    }


def places(ids):
    """Return the addresses of all pages, with what was made in the places of their ids."""
    found: list[str] = []

    def walk(patterns, app=""):
        for one in patterns:
            if isinstance(one, URLResolver):
                walk(one.url_patterns, one.app_name or app)
            elif isinstance(one, URLPattern) and app in APPS and f"{app}:{one.name}" not in LEFT_OUT:
                found.extend(filled(f"{app}:{one.name}", one.pattern.converters))

    def filled(name, wanted):
        if not wanted:
            return [reverse(name)]
        if list(wanted) == ["package_id", "how"]:
            return [reverse(name, args=[pk, how]) for pk in ids["package_id"] for how in ("recall", "delete")]
        if list(wanted) == ["package_id", "place"]:
            return [reverse(name, args=[pk, "delete"]) for pk in ids["package_id"]]
        if not set(wanted) <= ids.keys():
            return []
        count = len(ids[next(iter(wanted))])
        return [
            reverse(name, kwargs={key: ids[key][min(number, len(ids[key]) - 1)] for key in wanted})
            for number in range(count)
        ]

    walk(get_resolver().url_patterns)
    return found


def looked_at(client, ids):
    """Return how many pages showed the mark as text; none may show it as what it is."""
    shown = 0
    for place in places(ids):
        for query in ({}, {"q": "alert"}):
            answer = client.get(place, query, secure=True)
            if answer.status_code != 200 or "text/html" not in answer["Content-Type"]:
                continue
            text = answer.content.decode()
            assert not RAW.search(text), (place, RAW.search(text))
            assert "<b>" not in text, place
            shown += "&lt;script&gt;alert" in text or "&lt;img src=x" in text
    return shown


def test_no_page_runs_what_somebody_typed(everything, alice, admin):
    seen = {}
    for user in (alice, admin, User.objects.get(login="dora")):
        client = Client()
        client.force_login(user)
        seen[user.login] = looked_at(client, everything)
    assert seen["alice"] > 25
    assert seen["admin"] > 25
    assert seen["dora"] > 5


def test_no_page_for_people_outside_does(everything):
    client = Client()
    client.get(reverse("outside:open", args=[OutgoingMail.objects.get(about__startswith="link").secret]), secure=True)
    secret = OutgoingMail.objects.get(about__startswith="invitation").secret
    client.get(reverse("outside:invited", args=[secret]), secure=True)
    invitation = Invitation.objects.get(pk=UUID(str(everything["invitation_id"][0])))
    call = {"title": MARK, "note": MARK, "files": [{"path": "<img src=x onerror=alert(1)>", "size": 3}]}
    place = reverse("outside:send", args=[invitation.pk])
    assert client.post(place, call, "application/json", secure=True).status_code == 201
    made = Package.objects.latest("created_at")
    pages = [place, reverse("outside:sent", args=[invitation.pk, made.pk])]
    pages.append(reverse("outside:package", args=everything["link_id"]))
    for page in pages:
        text = client.get(page, secure=True).content.decode()
        assert not RAW.search(text), page
        assert "&lt;script&gt;alert" in text, page


def test_no_mail_does(everything):
    for mail in OutgoingMail.objects.all():
        assert not RAW.search(mail.html), mail
        assert "\n" not in mail.subject
    assert "&lt;script&gt;alert" in OutgoingMail.objects.filter(about__startswith="cc").first().html
