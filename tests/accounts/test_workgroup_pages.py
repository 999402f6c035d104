"""The pages of workgroups: who sees them, who changes what, and where."""

from __future__ import annotations

import pytest
from django.test import Client

from posthouse.accounts import membership
from posthouse.accounts.models import Membership, User, Workgroup
from posthouse.cluster.models import Server
from tests.conftest import make_user

PLACE = "/aspera/faspex/workgroups/"


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def get(user, place="", **query):
    return browser(user).get(f"{PLACE}{place}", query, secure=True)


def post(user, place, **data):
    return browser(user).post(f"{PLACE}{place}", data, secure=True, follow=True)


@pytest.fixture
def dora(paris):
    return make_user("dora", paris)


@pytest.fixture
def editors(alice, dora):
    group = Workgroup.objects.create(name="Editors")
    Membership.objects.create(user=alice, workgroup=group, is_administrator=True)
    Membership.objects.create(user=dora, workgroup=group)
    return group


def members(group):
    return set(group.memberships.values_list("user__login", flat=True))


def test_an_administrator_makes_changes_and_deletes_workgroups(admin, bob):
    post(admin, "new", name="Press", description="Those who write", senders="members")
    group = Workgroup.objects.get()
    assert (group.name, group.senders) == ("Press", "members")
    assert "Another workgroup" in post(admin, "new", name="PRESS", senders="members").content.decode()
    post(admin, f"{group.pk}/", names="BOB, nobody")
    assert members(group) == {"bob"}
    post(admin, f"{group.pk}/lead/{bob.pk}", leads="yes")
    assert group.memberships.get().is_administrator
    post(admin, f"{group.pk}/edit", name="Writers", description="", senders="everybody")
    assert "Nobody can send to it any more" in get(admin, f"{group.pk}/delete").content.decode()
    assert Workgroup.objects.filter(removed_at=None).exists()
    post(admin, f"{group.pk}/delete")
    group.refresh_from_db()
    assert (group.name, group.removed_at is None, members(group)) == ("Writers", False, set())
    assert get(admin, f"{group.pk}/").status_code == 404


def test_its_administrator_changes_its_members_and_nothing_else(alice, dora, bob, editors):
    assert "is nobody&#x27;s name here" in post(alice, f"{editors.pk}/", names="bob@example.com\nx").content.decode()
    assert members(editors) == {"alice", "bob", "dora"}
    post(alice, f"{editors.pk}/", remove=str(dora.pk))
    assert members(editors) == {"alice", "bob"}
    for place in ("new", f"{editors.pk}/edit", f"{editors.pk}/delete", f"{editors.pk}/lead/{bob.pk}"):
        assert post(alice, place, name="x", senders="members", leads="yes").status_code == 403
    assert Workgroup.objects.get().name == "Editors"


def test_a_member_sees_it_and_changes_nothing(dora, bob, editors):
    content = get(dora, f"{editors.pk}/").content.decode()
    assert "Alice" in content
    assert "Add people" not in content
    for data in ({"names": "bob"}, {"remove": str(dora.pk)}):
        assert post(dora, f"{editors.pk}/", **data).status_code == 403
    assert members(editors) == {"alice", "dora"}


def test_others_do_not_see_it_and_who_may_not_look_people_up_sees_no_members(dora, paris, admin, editors):
    stranger = make_user("stranger", paris)
    assert b"Editors" not in get(stranger).content
    assert get(stranger, f"{editors.pk}/").status_code == 404
    assert post(stranger, f"{editors.pk}/", names="stranger").status_code == 404
    User.objects.filter(pk=dora.pk).update(permissions="-directory")
    content = get(dora, f"{editors.pk}/").content.decode()
    assert "may not look people up" in content
    assert "Alice" not in content
    assert b"Editors" in get(admin).content


def test_a_slave_leads_to_the_master_and_changes_no_workgroup(admin, editors, paris, tokyo):
    Server.objects.update(role=Server.Role.SLAVE)
    Server.objects.filter(pk=tokyo.pk).update(role=Server.Role.MASTER)
    for place in ("", f"{editors.pk}/"):
        content = get(admin, place).content.decode()
        assert "Go to tokyo" in content
        assert "New workgroup" not in content
    for place in ("new", f"{editors.pk}/edit", f"{editors.pk}/delete"):
        answer = post(admin, place, name="x", senders="members")
        assert (answer.status_code, "Go to tokyo" in answer.content.decode()) == (403, True)
    assert Workgroup.objects.get().removed_at is None


def test_local_and_inactive_accounts_do_not_come_into_a_workgroup(admin, editors, paris):
    make_user("keeper", paris, local=True)
    make_user("gone", paris, is_active=False)
    post(admin, f"{editors.pk}/", names="keeper, gone")
    assert members(editors) == {"alice", "dora"}


def test_a_list_of_workgroups_costs_the_same_however_many_there_are(admin, editors, django_assert_max_num_queries):
    Workgroup.objects.bulk_create(Workgroup(name=f"Group {n}") for n in range(200))
    client = browser(admin)
    client.get(PLACE, secure=True)
    with django_assert_max_num_queries(16):
        content = client.get(PLACE, secure=True).content.decode()
    assert "Next" in content
    assert "Editors" in get(admin, q="EDI").content.decode()


def test_more_than_can_be_changed_at_once_is_refused_with_a_sentence(admin, editors, monkeypatch):
    monkeypatch.setattr(membership, "MOST", 1)
    assert "several steps" in post(admin, f"{editors.pk}/", names="alice, dora").content.decode()
