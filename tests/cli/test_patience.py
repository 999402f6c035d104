"""A client goes on as long as there is hope, and not longer."""

from __future__ import annotations

import time

import pytest

from posthouse.cli import patience
from posthouse.cli.browser import ClientError
from posthouse.cli.patience import Patience


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made; time goes on by them and by nothing else."""
    made: list[float] = []
    monkeypatch.setattr(time, "sleep", made.append)
    monkeypatch.setattr(time, "monotonic", lambda: sum(made))
    return made


def test_the_pauses_grow_up_to_a_limit_and_start_small_again_after_a_gain(pauses: list[float]) -> None:
    hope = Patience(60)
    for _ in range(8):
        hope.wait(OSError("cut"))
    assert pauses[0] == patience.FIRST_PAUSE
    assert pauses == sorted(pauses)
    assert pauses[-1] == patience.LONGEST_PAUSE
    hope.gained()
    hope.wait(OSError("cut"))
    assert pauses[-1] == patience.FIRST_PAUSE


def test_it_ends_after_so_long_without_a_gain(pauses: list[float]) -> None:
    hope = Patience(10)

    def go_on() -> None:
        for _ in range(100):
            hope.wait(OSError("cut"))

    with pytest.raises(OSError, match="cut"):
        go_on()
    assert 10 < sum(pauses) <= 10 + patience.LONGEST_PAUSE


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 507])
def test_what_waiting_does_not_mend_is_said_at_once(pauses: list[float], status: int) -> None:
    with pytest.raises(ClientError):
        Patience(60).wait(ClientError("no", status))
    assert not pauses
