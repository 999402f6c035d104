"""Two administrators at the same moment cannot do together what neither may do alone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from posthouse.accounts import people
from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from tests.conftest import make_user

pytestmark = pytest.mark.django_db(transaction=True)


def together(acts: list[Callable[[], object]]) -> list[str]:
    """Do all at the same moment, each in its own thread; return the refusals."""
    start = Barrier(len(acts))

    def run(act: Callable[[], object]) -> str | None:
        try:
            start.wait(10)
            act()
        except ValidationError as error:
            return " ".join(error.messages)
        finally:
            connection.close()
        return None

    with ThreadPoolExecutor(len(acts)) as threads:
        return [refusal for refusal in threads.map(run, acts) if refusal]


def test_two_last_administrators_cannot_both_step_down(admin: User, paris: Server) -> None:
    second = make_user("second", paris, User.Role.ADMINISTRATOR)
    for user in (admin, second):
        user.role = User.Role.USER
    refusals = together([lambda user=user: people.save(user, changed={"role"}) for user in (admin, second)])
    assert len(refusals) == 1
    assert "last active administrator" in refusals[0]
    assert User.objects.filter(role=User.Role.ADMINISTRATOR).count() == 1


def test_a_user_name_goes_to_one_of_those_who_take_it_at_once(paris: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    # Both have looked and found the name free: what is left to decide is the constraint's work.
    monkeypatch.setattr(User, "validate_constraints", lambda *_, **__: None)
    refusals = together(
        [
            lambda login=login: people.create(login=login, name="Dora", email="dora@example.com")
            for login in ("dora", "DORA", "Dora")
        ]
    )
    assert refusals == [people.TAKEN] * 2
    assert User.objects.count() == 1
