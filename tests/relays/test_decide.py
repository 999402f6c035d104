"""What becomes of a relay after something went wrong: a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from posthouse.cluster.errors import Kind
from posthouse.relays.decide import Decision, GiveUp, NeedsAdministrator, Retry, decide, delay

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LIFETIME = timedelta(days=14)
AN_HOUR_AGO = NOW - timedelta(hours=1)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("kind", "attempts", "since", "chance", "decision"),
    [
        (Kind.TEMPORARY, 1, AN_HOUR_AGO, 0.0, Retry(after(5))),  # soon
        (Kind.TEMPORARY, 2, AN_HOUR_AGO, 0.0, Retry(after(10))),  # then twice as late each time
        (Kind.TEMPORARY, 3, AN_HOUR_AGO, 0.0, Retry(after(20))),
        (Kind.TEMPORARY, 8, AN_HOUR_AGO, 0.0, Retry(after(600))),  # but never later than the cap
        (Kind.TEMPORARY, 10_000, AN_HOUR_AGO, 0.0, Retry(after(600))),
        (Kind.TEMPORARY, 0, AN_HOUR_AGO, 0.0, Retry(after(5))),  # a number that should not occur does no harm
        (Kind.TEMPORARY, 2, AN_HOUR_AGO, 1.0, Retry(after(7.5))),  # chance takes off up to a fourth
        (Kind.ADMINISTRATOR, 1, AN_HOUR_AGO, 0.0, NeedsAdministrator(after(5))),  # he may have mended it by then
        (Kind.ADMINISTRATOR, 99, AN_HOUR_AGO, 0.0, NeedsAdministrator(after(600))),
        (Kind.PERMANENT, 1, AN_HOUR_AGO, 0.0, GiveUp()),  # no use to try again
        (Kind.TEMPORARY, 1, NOW - LIFETIME + timedelta(seconds=1), 0.0, Retry(after(5))),  # its last second
        (Kind.TEMPORARY, 1, NOW - LIFETIME, 0.0, GiveUp("It was tried for 14 days.")),  # fails aloud
        (Kind.ADMINISTRATOR, 1, NOW - LIFETIME, 0.0, GiveUp("It was tried for 14 days.")),
    ],
)
def test_decisions(kind: Kind, attempts: int, since: datetime, chance: float, decision: Decision) -> None:
    assert decide(kind, attempts, since, NOW, chance) == decision


def test_what_failed_together_does_not_come_back_together() -> None:
    assert len({delay(4, chance / 10) for chance in range(10)}) == 10
