"""Accounts that a conversion overwrites are kept in a file, and come back from it as they were (M2, D4)."""

from __future__ import annotations

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from posthouse.accounts import copies
from posthouse.accounts.models import Membership, User, Workgroup
from posthouse.audit.models import Event
from posthouse.cluster.models import Server
from tests.conftest import PASSWORD, make_user

RESTORE = reverse("accounts:restore")
EXPORT = reverse("accounts:export")
EVERYTHING = (*copies.PLAIN, "id", "password", "home_id", "removed_at", "local")


@pytest.fixture
def web(client: Client, admin: User) -> Client:
    """The browser of an administrator."""
    client.force_login(admin)
    return client


def file(**passwords: bool) -> str:
    return "".join(copies.export(copies.overwritten(), passwords=passwords.get("passwords", True)))


def facts(user: User) -> dict[str, object]:
    return {name: getattr(User.objects.get(pk=user.pk), name) for name in EVERYTHING}


def overwrite() -> None:
    """Do what the first sync does to accounts that the master does not have."""
    copies.overwritten().update(removed_at=timezone.now(), is_active=False)
    Workgroup.objects.update(removed_at=timezone.now())


def test_everything_comes_back_as_it_was(alice: User, admin: User, paris: Server) -> None:
    User.objects.filter(pk=alice.pk).update(name="'=1+1", quota=7_000, permissions="+outside", home_by_hand=True)
    group = Workgroup.objects.create(name="Press; office, “A”")
    Membership.objects.create(user=alice, workgroup=group, is_administrator=True)
    before, text = facts(alice), file()
    overwrite()

    assert copies.restore(text) == copies.Outcome(back=1)
    assert facts(alice) == before
    assert User.objects.get(pk=alice.pk).check_password(PASSWORD)
    member = Membership.objects.get(user=alice, workgroup__removed_at=None)
    assert (member.workgroup.name, member.is_administrator) == (group.name, True)


def test_an_account_of_which_nothing_is_left_is_made(alice: User, paris: Server) -> None:
    before, text = facts(alice), file()
    User.objects.all().delete()
    assert copies.restore(text) == copies.Outcome(made=1)
    assert facts(alice) == before


def test_who_is_here_is_left_alone(alice: User, paris: Server) -> None:
    text = file()
    User.objects.filter(pk=alice.pk).update(name="Alice the second")
    outcome = copies.restore(text)
    assert (outcome.made, outcome.back, outcome.left) == (0, 0, 1)
    assert "is here already" in outcome.reasons[0]
    assert User.objects.get(pk=alice.pk).name == "Alice the second"


def test_a_line_that_does_not_fit_stops_no_other(alice: User, bob: User, paris: Server) -> None:
    text = file()
    overwrite()
    make_user("ALICE", paris)
    outcome = copies.restore(text.replace("bob@example.com", "no address"))
    assert (outcome.made, outcome.back, outcome.left) == (0, 0, 2)
    assert "Another account has this user name" in outcome.reasons[0]
    assert "Enter a valid email address" in outcome.reasons[1]


@pytest.mark.parametrize(
    ("column", "value"),
    [("id", "x"), ("quota", "many"), ("workgroups", "nonsense"), ("workgroups", "[7]"), ("role", "emperor")],
)
def test_a_value_that_cannot_be_read_is_told_of(alice: User, paris: Server, column: str, value: str) -> None:
    row = next(csv.DictReader(io.StringIO(file()))) | {column: value}
    overwrite()
    out = io.StringIO()
    writer = csv.DictWriter(out, row)
    writer.writeheader()
    writer.writerow(row)
    outcome = copies.restore(out.getvalue())
    assert outcome.left == 1
    assert outcome.reasons[0].startswith("Line 2, alice: ")


def test_without_passwords_nobody_can_log_in_before_he_has_a_new_one(alice: User, paris: Server) -> None:
    text = file(passwords=False)
    assert "argon2" not in text
    assert "password" not in text
    overwrite()
    copies.restore(text)
    assert not User.objects.get(pk=alice.pk).has_usable_password()


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "login,name,email\n" + "x" * 200_000 + ",a,b\n"])
def test_what_is_no_file_of_accounts_is_refused(paris: Server, text: str) -> None:
    with pytest.raises(copies.NoFile):
        copies.restore(text)


def test_administrators_export_and_restore_in_the_pages(web: Client, alice: User, admin: User) -> None:
    assert "alice" in web.get(reverse("accounts:overwritten")).content.decode()
    assert web.get(EXPORT).status_code == 405
    plain = web.post(EXPORT)
    assert "argon2" not in plain.content.decode()
    answer = web.post(EXPORT, {"passwords": "yes"})
    assert 'filename="accounts-with-passwords-' in answer["Content-Disposition"]
    assert "alice" in answer.content.decode()
    assert "root" not in answer.content.decode(), "administrators keep theirs"
    overwrite()
    page = web.post(RESTORE, {"file": SimpleUploadedFile("accounts.csv", answer.content)}).content.decode()
    assert "1 that had been removed is here again" in " ".join(page.split())
    assert User.objects.get(pk=alice.pk).is_active
    told = list(Event.objects.order_by("at").values_list("action", "actor_id"))
    assert told == [("accounts.exported", admin.pk)] * 2 + [("accounts.restored", admin.pk)]

    wrong = web.post(RESTORE, {"file": SimpleUploadedFile("accounts.csv", b"\xff\xfe")}).content.decode()
    assert "not text in UTF-8" in wrong
    wrong = web.post(RESTORE, {"file": SimpleUploadedFile("accounts.csv", b"a,b\n")}).content.decode()
    assert "not one that Export the accounts has made" in wrong


def test_others_get_no_file_and_a_slave_restores_none(client: Client, alice: User, web: Client, paris: Server) -> None:
    Server.objects.filter(pk=paris.pk).update(role=Server.Role.SLAVE)
    assert web.get(RESTORE).status_code == 403
    client.force_login(alice)
    for answer in (client.post(EXPORT), client.get(RESTORE), client.get(reverse("accounts:overwritten"))):
        assert answer.status_code == 403
