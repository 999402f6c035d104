"""A relay ends with the package on the far side, whole, whatever happened on the way (D12)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from posthouse.accounts.models import User
from posthouse.cluster.errors import Broken, CallError, Kind, Refused
from posthouse.packages.models import Delivery, File, Package
from posthouse.relays import receiver
from posthouse.relays.models import Arrival, ArrivalFile
from posthouse.store.models import Blob, Part
from tests.relays.conftest import PART, Tokyo, Wire, arrived, nothing_to_see

pytestmark = pytest.mark.django_db(transaction=True)

Send = Callable[..., Tokyo]
MIXED = (3 * PART + 17, 0, 5, 1000, PART, 1, 2 * PART)


def is_whole(tokyo: Tokyo) -> None:
    """Assert that all is there, once, and nothing is left over."""
    package = Package.objects.get()
    assert package.pk == tokyo.manifest.package
    assert package.status == Package.Status.COMPLETE
    assert arrived(package.pk) == tokyo.contents
    assert [file.path for file in File.objects.all()] == [file.path for file in tokyo.manifest.files]
    assert Delivery.objects.get(recipient__login="alice").available_at is not None
    assert Arrival.objects.get().state == "committed"
    assert not ArrivalFile.objects.exists()
    assert Blob.objects.count() == len(tokyo.contents)
    assert set(Blob.objects.values_list("state", flat=True)) == {"complete"}


def test_a_package_arrives_whole(tokyo_sends: Send) -> None:
    tokyo = tokyo_sends(*MIXED)
    tokyo.send()
    is_whole(tokyo)
    assert tokyo.done[-1] == sum(MIXED)
    assert tokyo.done == sorted(tokyo.done)


def test_a_package_of_empty_files_arrives(tokyo_sends: Send) -> None:
    tokyo = tokyo_sends(0, 0)
    tokyo.send()
    is_whole(tokyo)


def test_every_call_may_be_made_twice(tokyo_sends: Send, line: Wire) -> None:
    line.twice = True
    tokyo = tokyo_sends(*MIXED)
    tokyo.send()
    is_whole(tokyo)


def test_every_answer_may_be_lost_once(tokyo_sends: Send, line: Wire) -> None:
    line.drop = set()
    tokyo = tokyo_sends(*MIXED)
    tokyo.send()
    is_whole(tokyo)
    assert {"offer", "manifest", "bundle", "commit", "parts/0/0", "parts/6/1"} <= line.drop


def test_a_relay_goes_on_where_it_was_and_sends_nothing_twice(tokyo_sends: Send, line: Wire) -> None:
    tokyo = tokyo_sends(*MIXED)
    calls = []

    def cut(method: str, step: str) -> None:
        calls.append(step)
        if len(calls) > 7:
            raise CallError("cut")

    line.before = cut
    with pytest.raises(CallError, match="cut"):
        tokyo.send()
    assert nothing_to_see()
    there = Part.objects.count()
    assert 0 < there < 10
    line.before = None
    line.carried.clear()
    tokyo.send(fence=2)
    is_whole(tokyo)
    assert sum(count for step, count in line.carried.items() if "parts/" in step) <= 8 - there + 1
    assert line.carried["PUT manifest"] == 0


def test_a_relay_that_was_cut_before_its_commit_only_commits(tokyo_sends: Send, line: Wire) -> None:
    tokyo = tokyo_sends(*MIXED)
    tokyo.far().offer(tokyo.manifest.package, 1)

    def cut(method: str, step: str) -> None:
        if step == "commit":
            raise CallError("cut")

    line.before = cut
    with pytest.raises(CallError):
        tokyo.send()
    assert nothing_to_see()
    line.before = None
    line.carried.clear()
    tokyo.send(fence=2)
    assert line.carried == {"POST offer": 1, "POST commit": 1}
    is_whole(tokyo)


def test_nothing_is_visible_before_the_commit(tokyo_sends: Send, line: Wire) -> None:
    seen = []
    line.before = lambda _method, step: seen.append((step, nothing_to_see()))
    tokyo_sends(*MIXED).send()
    assert seen[-1] == ("commit", True)
    assert all(hidden for _, hidden in seen)
    assert not nothing_to_see()


def test_a_part_that_is_damaged_on_the_way_is_sent_again(tokyo_sends: Send, line: Wire) -> None:
    tokyo = tokyo_sends(3 * PART)
    read = tokyo.read
    damaged = []

    def bad_once(number: int, offset: int, length: int) -> object:
        data = list(read(number, offset, length))
        if offset == PART and not damaged:
            damaged.append(1)
            data[0] = bytes([data[0][0] ^ 1]) + data[0][1:]
        return iter(data)

    tokyo.read = bad_once  # type: ignore[method-assign]
    tokyo.send()
    assert line.carried["PUT parts/0/1"] == 2
    is_whole(tokyo)


def test_a_part_that_stays_damaged_stops_the_relay_in_words(tokyo_sends: Send) -> None:
    tokyo = tokyo_sends(3 * PART, 10)
    good = tokyo.contents
    tokyo.contents = [b"x" * 3 * PART, b"y" * 10]
    with pytest.raises(Refused, match="arrived damaged") as caught:
        tokyo.send()
    assert caught.value.kind is Kind.TEMPORARY
    assert nothing_to_see()
    tokyo.contents = good
    tokyo.send(fence=2)
    is_whole(tokyo)


def test_bytes_that_the_far_store_has_lost_are_sent_again(tokyo_sends: Send, line: Wire, store: object) -> None:
    tokyo = tokyo_sends(2 * PART, PART)

    def lose(method: str, step: str) -> None:
        if step == "commit" and not lost:
            lost.append(1)
            blob = ArrivalFile.objects.get(number=0).blob
            (receiver.many.blobs.local().path(blob.id)).unlink()

    lost: list[int] = []
    line.before = lose
    tokyo.send()
    assert line.carried["PUT parts/0/0"] == 2
    assert line.carried["PUT parts/1/0"] == 1
    is_whole(tokyo)


def test_a_recipient_who_is_not_known_yet_makes_the_relay_wait_not_fail(tokyo_sends: Send, alice: User) -> None:
    tokyo = tokyo_sends(PART)
    stranger = User(login="new", name="New", email="new@example.com", home_id=alice.home_id)
    recipients = tokyo.manifest.recipients
    object.__setattr__(
        tokyo.manifest,
        "recipients",
        (*recipients, type(recipients[0])(stranger.pk, "new", "New", stranger.home_id)),
    )
    with pytest.raises(Refused, match="new is not known on this server yet") as caught:
        tokyo.send()
    assert caught.value.kind is Kind.TEMPORARY
    assert nothing_to_see()
    stranger.save()
    tokyo.send(fence=2)
    assert Delivery.objects.filter(available_at__isnull=False).count() == 2


def test_a_second_relay_of_a_package_that_is_here_brings_nothing(tokyo_sends: Send, line: Wire) -> None:
    tokyo = tokyo_sends(PART, PART)
    tokyo.send()
    line.carried.clear()
    again = Tokyo(tokyo.here, tokyo.contents, tokyo.manifest)
    again.send()
    assert line.carried == {"POST offer": 1}
    assert Package.objects.count() == 1
    assert Blob.objects.count() == 2


def test_two_relays_of_one_package_at_once_leave_one_package_and_no_litter(tokyo_sends: Send, line: Wire) -> None:
    first = tokyo_sends(PART, 5)
    second = Tokyo(first.here, first.contents, first.manifest)
    second.far().offer(second.manifest.package, 1)
    first.send()
    second.send()
    assert Package.objects.count() == 1
    assert Blob.objects.count() == 2
    assert arrived(first.manifest.package) == first.contents


def test_a_stop_in_the_middle_of_a_part_leaves_the_far_side_able_to_go_on(tokyo_sends: Send) -> None:
    tokyo = tokyo_sends(*MIXED)
    checks = []

    class Stop(Exception):
        pass

    def check() -> None:
        checks.append(1)
        if len(checks) > 20:
            raise Stop

    tokyo.check = check
    with pytest.raises(Stop):
        tokyo.send()
    assert nothing_to_see()
    tokyo.check = lambda: None
    tokyo.send(fence=2)
    is_whole(tokyo)


def test_a_line_that_stays_broken_is_an_error_after_a_few_tries(tokyo_sends: Send, line: Wire) -> None:
    tokyo = tokyo_sends(PART)

    def broken(method: str, step: str) -> None:
        tried.append(step)
        raise Broken("The connection broke.")

    tried: list[str] = []
    line.before = broken
    with pytest.raises(Broken):
        tokyo.send()
    assert 3 <= len(tried) <= 6


def test_a_manifest_of_many_small_files_needs_few_queries_and_few_calls(tokyo_sends: Send, line: Wire) -> None:
    def queries(count: int) -> dict[str, int]:
        tokyo = tokyo_sends(*([3] * count))
        tokyo.far().offer(tokyo.manifest.package, 1)
        line.carried.clear()
        counts = {}
        for name in ("take_manifest", "commit"):
            counts[name] = 0
        real = {name: getattr(receiver, name) for name in counts}

        def counted(name: str) -> Callable[..., object]:
            def call(*args: object) -> object:
                with CaptureQueriesContext(connection) as captured:
                    result = real[name](*args)
                counts[name] += len(captured)
                return result

            return call

        with pytest.MonkeyPatch.context() as patch:
            for name in counts:
                patch.setattr(receiver, name, counted(name))
            tokyo.send()
        return counts

    few, many = queries(10), queries(2000)
    assert line.carried["PUT bundle"] == 4
    for name in few:
        assert many[name] <= few[name] + 60, name  # by the batch, not by the row
