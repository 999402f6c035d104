"""What people may do comes from their role, or is given or taken for one of them; pages and data plane ask the same."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from posthouse.accounts import people, permissions, workgroups
from posthouse.accounts.models import Membership, User, Workgroup
from posthouse.accounts.rights_forms import SizeField
from posthouse.accounts.standards import Standard
from posthouse.audit.models import Event
from posthouse.web import units
from tests.conftest import make_user


def test_users_may_do_everything_until_something_is_set(alice, admin):
    assert all(permissions.may(alice, one) for one in permissions.ALL)
    Standard.objects.create(role="user", permissions="download")
    assert [one.name for one in permissions.ALL if permissions.may(alice, one)] == ["download"]
    assert all(permissions.may(admin, one) for one in permissions.ALL)


def test_what_is_set_for_a_person_goes_before_his_role(alice):
    Standard.objects.create(role="user", permissions="download", quota=100, package_limit=10)
    alice.permissions, alice.quota = "+upload -download", 5
    assert permissions.may(alice, permissions.UPLOAD)
    assert not permissions.may(alice, permissions.DOWNLOAD)
    assert permissions.limits(alice) == permissions.Limits(5, 30, 10)


@given(st.dictionaries(st.sampled_from([one.name for one in permissions.ALL]), st.booleans()))
def test_what_is_given_and_taken_is_read_as_it_was_written(own):
    assert permissions.parse(permissions.dump(own)) == own


def test_words_of_another_version_mean_nothing():
    assert permissions.parse("+fly -upload upload *download") == {"upload": False}


@pytest.mark.parametrize(
    ("typed", "size"),
    [("500 GB", 5 * 10**11), ("1.5tb", 15 * 10**11), ("10", 10), ("7 bytes", 7), ("1,5 kB", 1500), ("", None)],
)
def test_sizes_are_read_as_people_write_them(typed, size):
    assert SizeField(label="").clean(typed) == size


@pytest.mark.parametrize("typed", ["-1 GB", "much", "1 XB", "1 GB 2", "9" * 30])
def test_what_is_no_size_is_refused(typed):
    with pytest.raises(ValidationError):
        SizeField(label="").clean(typed)


@given(st.integers(0, 10**17))
def test_a_size_is_shown_so_that_it_reads_the_same(size):
    assert SizeField(label="").clean(units.exact(size)) == size


def test_who_may_not_look_people_up_finds_whom_he_names_whole(alice, bob):
    assert people.complete("bo", 9, alice) == [bob]
    alice.permissions = "-directory"
    assert people.complete("bo", 9, alice) == []
    assert people.complete("BOB@example.com", 9, alice) == [bob]


def test_who_may_not_send_to_everyone_is_shown_colleagues(alice, bob, carla):
    for name, members in (("Editors", [alice, bob]), ("Sound", [carla])):
        group = Workgroup.objects.create(name=name)
        for person in members:
            Membership.objects.create(user=person, workgroup=group)
    alice.permissions = "-everyone"
    assert people.complete("bo", 9, alice) == [bob]
    assert people.complete("car", 9, alice) == []
    assert workgroups.colleagues(alice, [bob.pk, carla.pk]) == {bob.pk}


def test_administrators_set_what_a_role_and_a_person_may_do(client, admin, alice):
    client.force_login(admin)
    client.post(
        reverse("accounts:standard"),
        {"permissions": ["download", "upload"], "quota": "1 TB", "quota_days": "7", "package_limit": ""},
        secure=True,
    )
    row = Standard.objects.get()
    assert (row.permissions, row.quota, row.quota_days, row.package_limit) == ("download upload", 10**12, 7, None)
    address = reverse("accounts:rights", args=[alice.pk])
    assert "As for everybody: no" in client.get(address, secure=True).content.decode()
    client.post(address, {"invite": "yes", "download": "no", "quota": "5 GB"}, secure=True)
    alice = User.objects.get(pk=alice.pk)
    assert (alice.permissions, alice.quota) == ("-download +invite", 5 * 10**9)
    assert Event.objects.filter(action__startswith="permissions.").count() == 2


def test_others_set_nothing(client, alice, paris):
    client.force_login(make_user("erik", paris))
    assert client.get(reverse("accounts:standard"), secure=True).status_code == 403
    assert client.get(reverse("accounts:rights", args=[alice.pk]), secure=True).status_code == 403
