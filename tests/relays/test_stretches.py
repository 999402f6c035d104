"""Parts that travel in stretches: how they are cut, and that nothing is written twice, lost or believed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.accounts.models import User
from posthouse.cluster.errors import CallError, Refusal
from posthouse.cluster.signatures import Caller
from posthouse.packages.manifest_files import FilePart, ManifestBlob
from posthouse.relays import adapt, arrived, fences, receiver, wire
from posthouse.relays.adapt import Adapter
from posthouse.relays.arrived import Place
from posthouse.relays.lines import Steady
from posthouse.relays.models import Arrival, ArrivedStretch
from posthouse.relays.stretches import OutOfBounds, Stretches
from posthouse.relays.wire import Begun, Gap
from posthouse.store import blobs
from posthouse.store.errors import DigestMismatch
from posthouse.store.models import Blob, Part
from tests.relays.conftest import PART, Tokyo, Wire, digest, nothing_to_see
from tests.relays.conftest import arrived as arrived_bytes

Send = Callable[..., Tokyo]
MakeCaller = Callable[..., Caller]
CUT = 10_000


class Cut(Steady):
    """Cuts every part."""

    def stretch(self, left: int) -> int:
        return CUT


class Files:
    """Stands in for a manifest."""

    def __init__(self, *sizes: int) -> None:
        none = FilePart(b"", 0)
        self.blobs = tuple(
            ManifestBlob(number, size, "blake3", PART, b"", 0, (none,) * -(-size // PART))
            for number, size in enumerate(sizes)
        )


def take_all(stretches: Stretches, most: int) -> list[tuple[int, int, int]]:
    """Return file, first byte and end of all stretches."""
    taken = []
    while load := stretches.take(most):
        taken += [(one.file.number, one.offset, one.offset + one.length) for one in load]
    return taken


@given(
    sizes=st.lists(st.integers(1, 3 * PART), min_size=1, max_size=4),
    most=st.integers(1000, 2 * PART),
    cuts=st.lists(st.integers(0, PART), max_size=4, unique=True),
)
@settings(max_examples=200, deadline=None)
def test_what_is_cut_is_exactly_what_is_missing(sizes: list[int], most: int, cuts: list[int]) -> None:
    length = min(PART, sizes[0])
    bounds = sorted(cut for cut in cuts if cut <= length)
    there = [(start, end) for start, end in zip(bounds[::2], bounds[1::2], strict=False) if start < end]
    missing = [Gap(number, 0, -(-size // PART) - 1) for number, size in enumerate(sizes)]
    stretches = Stretches(Files(*sizes), missing, [Begun(0, 0, there)] if there else [])  # type: ignore[arg-type]
    assert stretches.left == sum(sizes) - sum(end - start for start, end in there)
    taken = sorted([*take_all(stretches, most), *((0, start, end) for start, end in there)])
    assert stretches.left == 0
    at = dict.fromkeys(range(len(sizes)), 0)
    for number, start, end in taken:
        assert start == at[number]
        at[number] = end
    assert list(at.values()) == sizes


def test_small_parts_travel_together_and_are_never_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "SMALL", 1000)
    monkeypatch.setattr(wire, "BUNDLE_PARTS", 3)
    stretches = Stretches(Files(*[900] * 7), [Gap(number, 0, 0) for number in range(7)])  # type: ignore[arg-type]
    loads = []
    while load := stretches.take(1 << 40):
        loads.append([one.length for one in load])
    assert loads == [[900] * 3, [900] * 3, [900]]


@pytest.mark.parametrize(
    ("missing", "begun"),
    [
        ([Gap(1, 0, 0)], []),
        ([Gap(0, 0, 2)], []),
        ([Gap(0, 1, 0)], []),
        ([Gap(0, 0, 0)], [Begun(0, 0, [(0, PART + 1)])]),
        ([Gap(0, 0, 0)], [Begun(0, 0, [(5, 9), (8, 12)])]),
    ],
)
def test_what_the_package_does_not_have_is_not_sent(missing: list[Gap], begun: list[Begun]) -> None:
    with pytest.raises(OutOfBounds):
        Stretches(Files(2 * PART), missing, begun)  # type: ignore[arg-type]


def test_streams_are_added_while_they_bring_something_and_dropped_when_they_do_not() -> None:
    adapter = Adapter(0.1)
    assert adapter.streams == 8
    assert adapter.observe(0, 1e6, held_back=False) is None, "the rate still grows by itself"
    assert adapter.observe(3, 1e6, held_back=False).streams == 12  # type: ignore[union-attr]
    assert adapter.observe(6, 1.5e6, held_back=False).streams == 18  # type: ignore[union-attr]
    back = adapter.observe(9, 1.55e6, held_back=False)
    assert back is not None
    assert back.streams == 12
    assert back.because == "18 brought 12.4 Mbit/s, 12 had brought 12.0 Mbit/s"
    assert adapter.observe(12, 1.5e6, held_back=False) is None, "not again so soon"
    assert adapter.observe(40, 1.5e6, held_back=False) is not None


def test_nothing_is_learned_from_a_time_in_which_the_line_was_not_the_limit() -> None:
    adapter = Adapter(0.01)
    assert adapter.streams == 8
    for second in range(10):
        assert adapter.observe(3 * second, 1e6, held_back=True) is None
    assert adapter.observe(40, 1e6, held_back=False) is not None
    assert adapter.observe(43, 9e6, held_back=True).streams == 8  # type: ignore[union-attr]


def test_where_bytes_wait_in_front_of_the_line_no_more_streams_are_tried() -> None:
    adapter = Adapter(0.1)
    for second in range(0, 60, 3):
        assert adapter.observe(second, 1e6, held_back=False, queued=True) is None
    assert adapter.observe(60, 1e6, held_back=False) is not None
    assert adapter.streams == 12
    assert adapter.observe(63, 2e6, held_back=False, queued=True) is None, "they are kept, and that is enough"
    assert adapter.streams == 12


def test_a_pause_ends_a_trial_and_what_came_before_it_counts_no_more() -> None:
    adapter = Adapter(0.1)
    adapter.observe(0, 1e6, held_back=False)
    assert adapter.observe(3, 1e6, held_back=False) is not None
    adapter.pause()
    assert adapter.streams == 8
    assert adapter.observe(60, 1e6, held_back=False) is None, "the rate has only begun to grow"


def test_there_is_a_bound_to_the_streams() -> None:
    adapter, rate = Adapter(0.5), 1e6
    for second in range(0, 300, 6):
        adapter.observe(second, rate, held_back=False)
        rate *= 1.14
    assert adapter.streams == adapt.MOST


# Both ends

pytestmark = pytest.mark.django_db(transaction=True)


def cutting(tokyo: Tokyo, monkeypatch: pytest.MonkeyPatch) -> Tokyo:
    far = tokyo.far

    def cut(fence: int = 1) -> object:
        found = far(fence)
        found.pace = Cut()
        return found

    monkeypatch.setattr(tokyo, "far", cut)
    return tokyo


def is_whole(tokyo: Tokyo) -> None:
    assert arrived_bytes(tokyo.manifest.package) == tokyo.contents
    assert not ArrivedStretch.objects.exists()
    assert Part.objects.count() == sum(len(file.parts) for file in tokyo.manifest.blobs)


def test_a_package_arrives_whole_in_stretches(tokyo_sends: Send, line: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    tokyo = cutting(tokyo_sends(2 * PART + 17, 0, 5, PART), monkeypatch)
    tokyo.send()
    is_whole(tokyo)
    assert line.carried[f"PUT parts/0/1/{CUT}/{digest(tokyo.contents[0][PART : 2 * PART]).hex()}"] == 1
    assert tokyo.done[-1] == sum(map(len, tokyo.contents))


def test_every_call_may_be_made_twice_and_every_answer_lost_once(
    tokyo_sends: Send, line: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.twice, line.drop = True, set()
    tokyo = cutting(tokyo_sends(2 * PART + 17, PART), monkeypatch)
    tokyo.send()
    is_whole(tokyo)


def test_a_part_goes_on_where_it_was(tokyo_sends: Send, line: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    tokyo = cutting(tokyo_sends(PART), monkeypatch)
    sent = []

    def cut(method: str, step: str) -> None:
        if step.startswith("parts"):
            sent.append(step)
            if len(sent) == 3:
                raise CallError("cut")

    line.before = cut
    with pytest.raises(CallError, match="cut"):
        tokyo.send()
    assert nothing_to_see()
    there = ArrivedStretch.objects.count()
    assert there >= 2
    line.before = None
    line.carried.clear()
    tokyo.send(fence=2)
    is_whole(tokyo)
    assert sum(line.carried[step] for step in line.carried if "parts" in step) <= PART // CUT + 1 - there


@pytest.fixture
def arriving(tokyo_sends: Send) -> Tokyo:
    """A package of one part, of which nothing is here."""
    tokyo = tokyo_sends(PART)
    tokyo.far().offer(tokyo.manifest.package, 1)
    tokyo.far().manifest(receiver.manifests.dumps(tokyo.manifest))
    return tokyo


def put(tokyo: Tokyo, caller: MakeCaller, start: int, data: bytes, fence: int = 1) -> None:
    whole = digest(tokyo.contents[0])
    taker = arrived.begin(caller(fence, data=data), tokyo.relay, Place(0, 0, start, len(data)), whole)
    if taker is None:
        return
    try:
        taker.write(data)
        taker.finish()
    finally:
        taker.close()


def test_the_offer_tells_what_is_here_of_a_part(arriving: Tokyo, caller: MakeCaller) -> None:
    data = arriving.contents[0]
    put(arriving, caller, 100, data[100:200])
    put(arriving, caller, 1000, data[1000:2000])
    standing = receiver.offer(caller(2), arriving.relay, arriving.manifest.package)
    assert standing.begun == [Begun(0, 0, [(100, 200), (1000, 2000)])]
    assert standing.missing == [Gap(0, 0, 0)]


def test_damaged_bytes_are_not_recorded(arriving: Tokyo, caller: MakeCaller) -> None:
    taker = arrived.begin(caller(data=b"right"), arriving.relay, Place(0, 0, 0, 5), b"")
    assert taker is not None
    taker.write(b"wrong")
    with pytest.raises(DigestMismatch):
        taker.finish()
    taker.close()
    assert not ArrivedStretch.objects.exists()


def test_a_part_whose_stretches_were_damaged_on_the_disk_comes_again(arriving: Tokyo, caller: MakeCaller) -> None:
    data = arriving.contents[0]
    put(arriving, caller, 0, data[:1000])
    path = blobs.path(Blob.objects.get())
    assert path is not None
    with path.open("r+b") as file:
        file.write(b"\0\0\0\0")
    with pytest.raises(DigestMismatch):
        put(arriving, caller, 1000, data[1000:])
    assert not ArrivedStretch.objects.exists()
    assert not Part.objects.exists()


def test_whoever_died_before_he_looked_at_the_whole_is_helped_by_the_next(
    arriving: Tokyo, caller: MakeCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = arriving.contents[0]
    put(arriving, caller, 0, data[:1000])
    with monkeypatch.context() as patch:
        patch.setattr(arrived, "settle", lambda *_: None)
        put(arriving, caller, 1000, data[1000:])
    assert not Part.objects.exists()
    standing = receiver.offer(caller(2), arriving.relay, arriving.manifest.package)
    assert standing.begun == [Begun(0, 0, [(0, 1000)])]
    put(arriving, caller, 1000, data[1000:], fence=2)
    assert Part.objects.count() == 1
    assert not ArrivedStretch.objects.exists()


def test_bytes_that_another_connection_is_writing_are_refused(arriving: Tokyo, caller: MakeCaller) -> None:
    held = arrived.begin(caller(), arriving.relay, Place(0, 0, 0, 1000), b"")
    assert held is not None
    with pytest.raises(Refusal, match="still sending") as caught:
        arrived.begin(caller(), arriving.relay, Place(0, 0, 999, 10), b"")
    assert caught.value.code == "locked"
    other = arrived.begin(caller(), arriving.relay, Place(0, 0, 1000, 10), b"")
    assert other is not None
    other.close()
    held.close()


def test_a_sender_that_was_overtaken_records_nothing(arriving: Tokyo, caller: MakeCaller) -> None:
    late = arrived.begin(caller(data=b"x" * 10), arriving.relay, Place(0, 0, 0, 10), b"")
    assert late is not None
    late.write(b"x" * 10)
    fences.enter(caller(2), arriving.relay)
    with pytest.raises(Refusal) as caught:
        late.finish()
    late.close()
    assert caught.value.code == "fence"
    assert not ArrivedStretch.objects.exists()


@pytest.mark.parametrize(
    "where", [Place(0, 0, PART, 1), Place(0, 0, 0, PART + 1), Place(0, 1, 0, 1), Place(1, 0, 0, 1)]
)
def test_bytes_that_the_package_does_not_have_are_refused(arriving: Tokyo, caller: MakeCaller, where: Place) -> None:
    with pytest.raises(Refusal):
        arrived.begin(caller(), arriving.relay, where, b"")


def test_a_forgotten_arrival_leaves_no_stretch(arriving: Tokyo, caller: MakeCaller, alice: User) -> None:
    put(arriving, caller, 0, arriving.contents[0][:10])
    receiver.forget(Arrival.objects.get())
    assert not ArrivedStretch.objects.exists()
