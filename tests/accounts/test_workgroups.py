"""Workgroups and who is in them."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from posthouse.accounts.models import Membership, User, Workgroup


def test_a_name_is_taken_once_whatever_its_case_until_its_workgroup_is_removed(db: None) -> None:
    press = Workgroup.objects.create(name="Press")
    with pytest.raises(IntegrityError), transaction.atomic():
        Workgroup.objects.create(name="PRESS")
    Workgroup.objects.filter(pk=press.pk).update(removed_at=timezone.now())
    assert Workgroup.objects.create(name="PRESS").pk != press.pk


def test_a_name_is_taken_whatever_its_case_beyond_ascii_on_any_database(db: None) -> None:
    made = Workgroup.objects.create(name="Öffentlichkeit")
    with pytest.raises(ValidationError) as refused:
        Workgroup(name="ÖFFENTLICHKEIT").full_clean()
    assert "Capital letters" in str(refused.value.message_dict["name"])
    made.full_clean()
    Workgroup.objects.filter(pk=made.pk).update(removed_at=timezone.now())
    Workgroup(name="ÖFFENTLICHKEIT").full_clean()


def test_a_person_is_in_a_workgroup_once(alice: User, bob: User) -> None:
    press = Workgroup.objects.create(name="Press")
    Membership.objects.create(user=alice, workgroup=press, is_administrator=True)
    Membership.objects.bulk_create([Membership(user=bob, workgroup=press)])
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(user=alice, workgroup=press)
    assert set(User.objects.filter(memberships__workgroup=press)) == {alice, bob}
    assert alice.memberships.get().is_administrator
    assert press.memberships.filter(user=bob).delete()[0] == 1
    assert set(press.memberships.values_list("user", flat=True)) == {alice.pk}
