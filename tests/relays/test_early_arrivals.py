"""Cut-through, where it arrives: parts come before the manifest, and nobody sees anything before the commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connections

from posthouse.cluster.errors import Kind, Refused
from posthouse.relays import wire
from posthouse.relays.models import Arrival
from posthouse.relays.sending import Sending
from posthouse.relays.wire import Gap, Outlined, Standing
from posthouse.store.models import Blob, Part
from tests.relays.conftest import PART, SMALL, Tokyo, Wire, digest, nothing_to_see
from tests.relays.test_course import is_whole

pytestmark = pytest.mark.django_db(transaction=True)

Send = Callable[..., Tokyo]
SIZES = (3 * PART + 17, 0, 5)


@pytest.fixture(autouse=True)
def close_connections() -> Iterator[None]:
    yield
    connections.close_all()


def outline(*sizes: int) -> bytes:
    return wire.outline([Outlined(size, "blake3") if size > SMALL else None for size in sizes])


def bring(tokyo: Tokyo, *gaps: Gap) -> None:
    """Have tokyo send some parts of what it has only outlined."""
    far = tokyo.far()
    sending = Sending(far, tokyo.manifest, tokyo.read, check=lambda: None, progress=lambda _: None)
    sending.bring(Standing(wire.ARRIVING, gaps))


def test_parts_come_before_the_manifest_and_are_not_sent_again(tokyo_sends: Send, line: Wire) -> None:
    tokyo = tokyo_sends(*SIZES)
    far = tokyo.far()
    far.offer(tokyo.manifest.package, tokyo.manifest.size)
    standing = far.outline(outline(*SIZES))
    assert (standing.state, [tuple(gap) for gap in standing.missing]) == ("offered", [(0, 0, 3)])
    bring(tokyo, Gap(0, 0, 1))
    assert nothing_to_see()
    assert [tuple(gap) for gap in far.outline(outline(*SIZES)).missing] == [(0, 2, 3)], "said again"
    tokyo.send()
    is_whole(tokyo)
    sent = {step: count for step, count in line.carried.items() if "parts/0" in step}
    assert sent == {f"PUT parts/0/{part}": 1 for part in range(3)}, "the fourth is small, and came in a bundle"


def test_a_part_that_the_manifest_does_not_know_comes_again(tokyo_sends: Send, line: Wire) -> None:
    tokyo = tokyo_sends(*SIZES)
    far = tokyo.far()
    far.offer(tokyo.manifest.package, tokyo.manifest.size)
    far.outline(outline(*SIZES))
    other = b"x" * PART  # an upload that was begun anew with other bytes
    far.part(0, 1, algorithm="blake3", digest=digest(other), length=PART, body=iter([other]))
    tokyo.send()
    is_whole(tokyo)


def test_no_bundle_is_taken_before_the_manifest_for_it_might_hold_what_was_uploaded_before(
    tokyo_sends: Send, line: Wire
) -> None:
    tokyo = tokyo_sends(*SIZES)
    tokyo.far().offer(tokyo.manifest.package, tokyo.manifest.size)
    tokyo.far().outline(outline(*SIZES))
    with pytest.raises(Refused) as refused:
        bring(tokyo, Gap(0, 3, 3))
    assert (refused.value.kind, refused.value.code) == (Kind.TEMPORARY, "unoffered")
    assert not Part.objects.exists()
    tokyo.send()
    is_whole(tokyo)


def test_what_was_withdrawn_leaves_nothing(tokyo_sends: Send, line: Wire, store: Path) -> None:
    tokyo = tokyo_sends(*SIZES)
    far = tokyo.far()
    far.offer(tokyo.manifest.package, tokyo.manifest.size)
    far.outline(outline(*SIZES))
    bring(tokyo, Gap(0, 0, 1))
    far.withdraw()
    assert [model.objects.count() for model in (Blob, Part, Arrival)] == [0, 0, 0]
    assert [path for path in store.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("data", [b"", b"{}", b'[[1, "md5"]]', b'[[-1, "blake3"]]', b'[["a", "blake3"]]', b"[1]"])
def test_an_outline_that_makes_no_sense_is_refused(tokyo_sends: Send, line: Wire, data: bytes) -> None:
    tokyo = tokyo_sends(*SIZES)
    far = tokyo.far()
    far.offer(tokyo.manifest.package, tokyo.manifest.size)
    if data == b"{}":
        assert far.outline(data).missing == [], "no files"
        return
    with pytest.raises(Refused) as refused:
        far.outline(data)
    assert refused.value.status == 422


def test_a_manifest_of_other_files_than_the_outline_is_refused(tokyo_sends: Send, line: Wire) -> None:
    tokyo = tokyo_sends(*SIZES)
    far = tokyo.far()
    far.offer(tokyo.manifest.package, tokyo.manifest.size)
    far.outline(outline(PART, 2 * PART))
    with pytest.raises(Refused, match="other files than the outline"):
        tokyo.send()
    assert nothing_to_see()
