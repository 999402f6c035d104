"""The pages of the directories in a real browser: for everybody, in the light and the dark, on a desk and a phone."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page

from posthouse.accounts.models import User
from posthouse.directory.models import Conflict, Connection, Run
from posthouse.jobs.models import State
from tests.conftest import make_user
from tests.directory.certificates import Authority
from tests.directory.conftest import connect
from tests.web.looks import look, look_here
from tests.web.test_browser import Visit, visit

__all__ = ["visit"]  # the fixture

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def company(paris: object, alice: User, authority: Authority) -> Connection:
    """A directory with a history, people who were not imported, and too many who have vanished."""
    now = timezone.now()
    connection = connect(
        authority,
        name="Company with a long name of its own",
        hosts="127.0.0.1\nno-such-host.invalid",
        port=9,
        bases="DC=ad,DC=example,DC=test",
        full_at=now,
    )
    lost = [make_user(f"lost{number}", alice.home) for number in range(3)]  # type: ignore[arg-type]
    connection.stopped = {
        "digest": "0" * 64,
        "count": 3,
        "present": 5,
        "at": now.isoformat(),
        "ids": [str(user.pk) for user in lost],
    }
    connection.failures = 4
    connection.save()
    for kind, state, error in (
        (Run.Kind.AUTOMATIC, State.DONE, ""),
        (Run.Kind.MANUAL, State.FAILED, "127.0.0.1 broke off in the middle of an answer."),
        (Run.Kind.PREVIEW, State.DONE, ""),
        (Run.Kind.AUTOMATIC, State.ACTIVE, ""),
    ):
        ended = None if state == State.ACTIVE else now
        person = {
            "login": "müller",
            "name": "Jörg Müller",
            "email": "joerg.mueller@subsidiary.example.com",
            "dn": "CN=Müller\\, Jörg,OU=Engineering and Research,OU=Staff,DC=ad,DC=example,DC=test",
        }
        Run.objects.create(
            connection=connection,
            kind=kind,
            state=state,
            last_error=error,
            started_at=now,
            ended_at=ended,
            host="127.0.0.1",
            seen=2004,
            added=2,
            changed=1,
            unchanged=2001,
            sample={"added": [person, person], "changed": [person], "off": []},
            why_full="Groups were changed.",
        )
    for number, (reason, adopt) in enumerate((("login", True), ("email", True), ("invalid", False), ("login", False))):
        Conflict.objects.create(
            connection=connection,
            uid=str(number),
            dn="CN=x",
            login=f"person{number}",
            name="Jörg Müller, Prokura",
            email="" if reason == "invalid" else "joerg.mueller@subsidiary.example.com",
            reason=reason,
            text="The account of Alice, made by hand, has this user name. Say whether it is the same person.",
            user=alice if adopt else None,
            can_adopt=adopt,
            choice="adopt" if number == 1 else "",
            seen_at=now,
        )
    return connection


def test_the_pages_without_a_directory_are_accessible(visit: Visit, admin: User) -> None:
    def walk(page: Page, address: str) -> list[str]:
        found = look(page, address + reverse("directory:list"), "directories-empty")
        page.goto(address + reverse("directory:new"))
        page.get_by_label("Host names or IP addresses").fill("not a host")
        page.get_by_role("button", name="Save").click()
        page.get_by_text("This field is required.").first.wait_for()
        return found + look_here(page, "directory-errors")

    assert visit(walk, admin) == []


def test_the_pages_are_accessible_and_within_their_policy(visit: Visit, admin: User, company: Connection) -> None:
    preview = Run.objects.get(kind=Run.Kind.PREVIEW)
    names = ("show", "edit", "test", "history", "conflicts", "remove")
    places = {
        "list": reverse("directory:list"),
        "new": reverse("directory:new"),
        **{name: reverse(f"directory:{name}", args=[company.pk]) for name in names},
        "lines": f"{reverse('directory:test', args=[company.pk])}?lines=1",
        "preview": reverse("directory:preview", args=[company.pk, preview.pk]),
    }

    def walk(page: Page, address: str) -> list[str]:
        return [fault for name, place in places.items() for fault in look(page, address + place, f"directory-{name}")]

    assert visit(walk, admin) == []
