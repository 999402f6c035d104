"""Server > Relays and the history: links, ages, what waits; and what can be done to one relay or to all of a link."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.audit.models import Event
from posthouse.cluster.models import Server
from posthouse.jobs import leases
from posthouse.jobs.job import Job
from posthouse.packages.models import Package
from posthouse.relays import acts, links, overview, picking, queue
from posthouse.relays.models import Link, Relay

pytestmark = pytest.mark.django_db

Make = Callable[..., Relay]


@pytest.fixture
def make(alice: User, paris: Server, tokyo: Server) -> Make:
    def relay(to: Server = tokyo, sender: User = alice, title: str = "Rushes", **fields: object) -> Relay:
        package = Package.objects.create(
            title=title, sender=sender, origin=paris, status="relaying", size=1000, closed_at=timezone.now()
        )
        queue.add(package, [to.pk])
        found = Relay.objects.get(package=package)
        if fields:
            Relay.objects.filter(pk=found.pk).update(**fields)
            found.refresh_from_db()
        return found

    return relay


def get(client: Client, name: str, *args: object, **query: str) -> str:
    answer = client.get(reverse(name, args=args), query, secure=True)
    assert answer.status_code == 200
    return answer.content.decode()


def post(client: Client, name: str, *args: object, **data: str) -> str:
    answer = client.post(reverse(name, args=args), data, secure=True, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_table_of_ages_agrees_with_the_rows(make: Make, tokyo: Server, rio: Server) -> None:
    now = timezone.now()
    minutes = [0, 1, 6, 15, 15, 30, 100, 600, 1300, 5000, 9000]
    for age in minutes:
        make(since=now - timedelta(minutes=age))
    make(state="done", since=now)
    make(to=rio, state="deferred", since=now - timedelta(minutes=7))
    found = {row.server.name: [cell.count for cell in row.cells] for row in overview.rows(now)}
    assert found == {"tokyo": [2, 1, 2, 1, 1, 1, 1, 2], "rio": [0, 1, 0, 0, 0, 0, 0, 0]}
    for row in overview.rows(now):
        going = Relay.objects.filter(destination=row.server).exclude(state="done").count()
        assert sum(cell.count for cell in row.cells) == row.waiting + row.running == going


def test_the_page_says_how_each_link_is_doing(
    client: Client, admin: User, make: Make, tokyo: Server, rio: Server
) -> None:
    make()
    links.failed(tokyo.pk, "Nothing answers at tokyo.example, port 443.", "unreachable")
    client.force_login(admin)
    text = get(client, "relays:index")
    for shown in ("tokyo", "Server not reached", "Nothing answers at tokyo.example", "check with Test", "rio", "Idle"):
        assert shown in text


def test_only_administrators_see_links_and_act_on_them(client: Client, alice: User, make: Make, tokyo: Server) -> None:
    relay = make()
    client.force_login(alice)
    assert client.get(reverse("relays:index"), secure=True).status_code == 403
    for name in ("retry_link", "hold_link", "release_link", "cancel_link"):
        assert client.post(reverse(f"relays:{name}", args=[tokyo.pk]), secure=True).status_code == 403
    for name in ("hold", "release"):
        assert client.post(reverse(f"relays:{name}", args=[relay.pk]), secure=True).status_code == 403
    place = reverse("relays:prioritise", args=[relay.package_id])
    assert client.post(place, {"priority": "-1"}, secure=True).status_code == 403


def test_a_held_relay_waits_until_it_is_released(client: Client, admin: User, alice: User, make: Make) -> None:
    relay = make()
    client.force_login(admin)
    assert "is held until you release it" in post(client, "relays:hold", relay.pk)
    assert picking.claim("one") is None
    client.force_login(alice)
    text = get(client, "relays:package", relay.package_id)
    assert "Held by Admin until an administrator releases it." in text
    assert "was not touched" in post(client, "relays:retry", relay.pk), "its sender cannot let it go"
    client.force_login(admin)
    assert "goes on" in post(client, "relays:release", relay.pk)
    assert picking.claim("one") is not None
    assert list(Event.objects.order_by("at").values_list("action", flat=True)) == ["relay.held", "relay.released"]


def test_holding_a_running_relay_takes_it_from_its_worker(make: Make) -> None:
    make()
    row = picking.claim("one")
    assert row is not None
    assert acts.hold(row, "Admin")
    with pytest.raises(leases.LostLease):
        Job(row).note(done=1)


def test_a_held_link_starts_nothing_and_all_of_it_goes_on_after(
    client: Client, admin: User, make: Make, tokyo: Server
) -> None:
    make()
    make()
    assert picking.claim("one") is not None
    client.force_login(admin)
    assert "until you release it" in post(client, "relays:hold_link", tokyo.pk)
    assert not Relay.objects.filter(state="active").exists()
    assert picking.claim("one") is None
    assert "Held by Admin" in get(client, "relays:index")
    post(client, "relays:release_link", tokyo.pk)
    assert picking.claim("one") is not None


def test_all_of_a_link_is_retried_but_not_what_was_cancelled_or_is_held(
    client: Client, admin: User, make: Make, tokyo: Server, rio: Server
) -> None:
    later = timezone.now() + timedelta(minutes=9)
    waiting = make(state="deferred", next_try_at=later)
    failed = make(state="failed", ended_at=timezone.now(), last_error="Lifetime over.")
    with_error = Package.objects.filter(pk=failed.package_id)
    with_error.update(status="error")
    cancelled = make(state="failed", ended_at=timezone.now(), cancelled_by="Alice")
    held = make(state="held", held_by="Admin")
    elsewhere = make(to=rio, state="deferred", next_try_at=later)
    links.failed(tokyo.pk, "Nothing answers.")
    client.force_login(admin)
    assert "and 2 relays that waited" in post(client, "relays:retry_link", tokyo.pk)
    states = dict(Relay.objects.values_list("pk", "state"))
    assert [states[one.pk] for one in (waiting, failed, cancelled, held, elsewhere)] == [
        "queued",
        "queued",
        "failed",
        "held",
        "deferred",
    ]
    assert with_error.get().status == "relaying"
    assert Link.objects.get(server=tokyo).failures == 0


def test_all_of_a_link_is_cancelled_after_a_question(client: Client, admin: User, make: Make, tokyo: Server) -> None:
    make()
    make(state="done")
    client.force_login(admin)
    assert "1 relay to" in get(client, "relays:cancel_link", tokyo.pk)
    assert "1 relay to tokyo cancelled." in post(client, "relays:cancel_link", tokyo.pk)
    assert set(Relay.objects.values_list("state", flat=True)) == {"failed", "done"}
    assert Event.objects.get().action == "link.cancelled"


def test_a_package_is_put_first(client: Client, admin: User, make: Make) -> None:
    make()
    urgent = make()
    client.force_login(admin)
    assert "The priority is “First” now." in post(client, "relays:prioritise", urgent.package_id, priority="-1")
    row = picking.claim("one")
    assert row is not None
    assert row.pk == urgent.pk
    answer = client.post(reverse("relays:prioritise", args=[urgent.package_id]), {"priority": "99"}, secure=True)
    assert answer.status_code == 404


def test_the_history_shows_everybody_his_own_and_administrators_all(
    client: Client, admin: User, alice: User, bob: User, make: Make, rio: Server
) -> None:
    make(title="From Alice", state="done")
    make(title="From Bob", sender=bob, to=rio, state="failed", last_error="No.")
    make(title="Long ago", created_at=timezone.now() - timedelta(days=31))
    client.force_login(alice)
    text = get(client, "relays:history")
    assert "From Alice" in text
    assert "From Bob" not in text
    assert "Long ago" not in text
    client.force_login(admin)
    text = get(client, "relays:history")
    assert "From Alice" in text
    assert "From Bob" in text
    assert "From Bob" not in get(client, "relays:history", state="complete")
    assert "From Alice" not in get(client, "relays:history", server=str(rio.pk))
    assert "From Alice" not in get(client, "relays:history", q="bob")
    for asked in ({"server": "x"}, {"state": "x"}, {"q": "nobody"}):
        assert "No such relays" in get(client, "relays:history", **asked)


def test_the_lists_cost_as_many_queries_for_many_as_for_few(
    client: Client, admin: User, make: Make, django_assert_max_num_queries: Callable[..., object]
) -> None:
    client.force_login(admin)
    for number in range(60):
        make(state="deferred" if number % 2 else "queued")
    for name in ("relays:index", "relays:history"):
        with django_assert_max_num_queries(19):  # type: ignore[attr-defined]
            get(client, name)


def test_a_relay_that_runs_shows_its_rate_and_the_time_left(client: Client, alice: User, make: Make) -> None:
    relay = make()
    now = timezone.now()
    Relay.objects.filter(pk=relay.pk).update(
        state="active", started_at=now - timedelta(seconds=10), updated_at=now, begun=100, done=600
    )
    client.force_login(alice)
    assert "50 bytes/s, 8 s left" in get(client, "relays:package", relay.package_id)


def test_a_relay_whose_lifetime_is_over_fails_aloud_though_its_turn_never_came(make: Make, tokyo: Server) -> None:
    old = timezone.now() - timedelta(days=15)
    waiting, held = make(since=old), make(since=old, state="held", held_by="Admin")
    links.failed(tokyo.pk, "Nothing answers.", "unreachable")
    assert queue.end_old() == 1
    waiting.refresh_from_db()
    held.refresh_from_db()
    assert waiting.last_error == "Nothing answers. It was tried for 14 days."
    assert (waiting.state, waiting.trouble, held.state) == ("failed", "unreachable", "held")
    assert Package.objects.get(pk=waiting.package_id).status == "error"
