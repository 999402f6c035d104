"""The bandwidth as it is set on its page, and shared among workers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.audit.models import Event
from posthouse.cluster.models import Server
from posthouse.relays import throttle
from posthouse.relays.models import LinkLimit, RateSample, RateShare, RelayLimits
from posthouse.relays.rate import MBIT
from posthouse.relays.throttle import Throttle

pytestmark = pytest.mark.django_db


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now

    def tick(self) -> None:
        self.now += 1.1


@pytest.fixture
def clock() -> Clock:
    return Clock()


def limit(mbit: float | None, **fields: object) -> None:
    RelayLimits.objects.update_or_create(pk=1, defaults={"bandwidth": mbit, **fields})


def share(worker: Throttle) -> float | None:
    rate = worker._server._bucket.rate
    return None if rate is None else rate / MBIT


def test_without_settings_there_is_no_limit(clock: Clock, tokyo: Server) -> None:
    worker = Throttle("one", clock)
    gate = worker.gate(tokyo.pk)
    worker.look()
    assert share(worker) is None
    gate(10_000_000)
    clock.tick()
    worker.look()
    assert [round(sample.sent) for sample in RateSample.objects.order_by("pk")] == [0, round(10_000_000 / 1.1)]


def test_a_change_acts_within_two_seconds(clock: Clock) -> None:
    worker = Throttle("one", clock)
    limit(100)
    worker.look()
    assert share(worker) == 100
    limit(20)
    worker.look()
    assert share(worker) == 100, "the settings are read once per second"
    clock.tick()
    worker.look()
    assert share(worker) == 20


def test_workers_share_the_limit_and_the_shares_of_the_dead_go_to_the_living(clock: Clock) -> None:
    limit(90)
    one, two = Throttle("one", clock), Throttle("two", clock)
    one.look()
    two.look()
    assert (share(one), share(two)) == (90, 0), "never more together than the limit"
    for _ in range(3):
        for worker in (one, two):
            worker._server.passed += int((share(worker) or 0) * MBIT * 1.1)  # both send as much as they may
        clock.tick()
        one.look()
        two.look()
    assert (share(one), share(two)) == (45, 45)
    RateShare.objects.filter(holder="one").update(until=timezone.now() - timedelta(seconds=1))
    clock.tick()
    two._server.passed += int(45 * MBIT * 1.1)
    two.look()
    assert share(two) == 90


def test_a_link_has_a_limit_of_its_own(clock: Clock, tokyo: Server, rio: Server) -> None:
    LinkLimit.objects.create(server=tokyo, bandwidth=Decimal(5))
    worker = Throttle("one", clock)
    to_tokyo, to_rio = worker.gate(tokyo.pk), worker.gate(rio.pk)
    worker.look()
    assert to_tokyo._valves[0]._bucket.rate == 5 * MBIT
    assert to_rio._valves[0]._bucket.rate is None
    assert share(worker) is None


def test_the_calendar_goes_by_its_own_time_zone() -> None:
    marked = ["0"] * 168
    marked[8] = "1"  # Monday, from 8 to 9
    limit(100, other_bandwidth=7, marked="".join(marked), zone="Asia/Tokyo")
    monday = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    assert throttle.allowed(monday) == 7 * MBIT
    assert throttle.allowed(monday + timedelta(hours=1)) == 100 * MBIT


# The page

PLACE = "relays:transfers"


def test_the_page_is_for_administrators(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert client.get(reverse(PLACE)).status_code == 403
    assert client.get(reverse("relays:rate")).status_code == 403


@pytest.fixture
def page(client: Client, admin: User) -> Client:
    """An administrator's browser."""
    client.force_login(admin)
    return client


def test_what_is_set_is_kept_and_noted(page: Client, tokyo: Server, rio: Server) -> None:
    fields = {
        "bandwidth": "100",
        "other_bandwidth": "0",
        "zone": "Europe/Paris",
        "hours": ["0", "167"],
        "cut_through": "on",
        f"link_{tokyo.pk.hex}": "2.5",
        f"link_{rio.pk.hex}": "",
    }
    answer = page.post(reverse(PLACE), fields, follow=True)
    assert "was saved" in answer.text
    saved = RelayLimits.objects.get()
    assert (saved.bandwidth, saved.other_bandwidth, saved.zone) == (100, 0, "Europe/Paris")
    assert saved.marked == "1" + "0" * 166 + "1"
    assert saved.cut_through
    assert "begun while packages are still being uploaded" in Event.objects.get(action="relays.limits").text
    assert LinkLimit.objects.get().server == tokyo
    assert Event.objects.filter(action="relays.limits").count() == 1
    assert 'aria-label="Sunday 23:00" checked' in answer.text
    assert "of 100 Mbit/s that are set" in answer.text or "relays pause at this hour" in answer.text
    page.post(reverse(PLACE), {"zone": "UTC"})
    assert RelayLimits.objects.get().bandwidth is None
    assert not RelayLimits.objects.get().cut_through
    assert not LinkLimit.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("bandwidth", "0", "Type at least 0.1"),
        ("bandwidth", "-5", "Type at least 0.1"),
        ("bandwidth", "fast", "Enter a number"),
        ("bandwidth", "999999999", "no more than"),
        ("other_bandwidth", "0.01", "0 for a pause"),
        ("zone", "Mars/Olympus", "Choose a time zone"),
        ("hours", "168", "Select a valid choice"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(page: Client, field: str, value: str, words: str) -> None:
    answer = page.post(reverse(PLACE), {"zone": "UTC", field: value})
    assert answer.status_code == 200
    assert words in answer.text
    assert not RelayLimits.objects.exists()
