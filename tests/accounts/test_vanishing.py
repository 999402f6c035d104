"""Many accounts that vanish at once are taken for a mistake."""

from __future__ import annotations

import pytest

from posthouse.accounts.models import Guard
from posthouse.accounts.vanishing import is_too_many


@pytest.mark.parametrize(
    ("vanishing", "present", "stopped"),
    [
        (0, 0, False),  # nothing was there
        (9, 9, False),  # everybody, but they are few
        (10, 10, True),
        (10, 50, False),  # exactly the share
        (10, 49, True),
        (11, 50, True),
        (20_000, 100_000, False),
        (20_001, 100_000, True),
    ],
)
def test_more_than_the_share_and_not_a_few_are_too_many(vanishing: int, present: int, stopped: bool) -> None:
    assert is_too_many(vanishing, present, share=20, minimum=10) is stopped
    assert Guard().stops(vanishing, present) is stopped


@pytest.mark.django_db
def test_what_administrators_have_set_is_in_force() -> None:
    assert (Guard.in_force().share, Guard.in_force().minimum) == (20, 10)
    Guard.objects.create(share=50, minimum=2)
    assert not Guard.in_force().stops(5, 10)
    assert Guard.in_force().stops(6, 10)
