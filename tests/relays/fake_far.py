"""A far side in memory, to which relays are sent, and packages to send."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.jobs.job import Job
from posthouse.packages import drafts, lifecycle
from posthouse.packages import manifest as manifests
from posthouse.packages.models import Package
from posthouse.relays import picking, wire
from posthouse.relays.lines import Steady
from posthouse.relays.models import Link, Relay
from posthouse.relays.wire import Gap, Item, Standing
from posthouse.store import blobs, parts
from tests.relays.conftest import PART, contents_of, digest


class FakeFar:
    """A far side in memory, with the real interface. It may be told to fail at a step."""

    pace = Steady()

    def __init__(self) -> None:
        self.got: dict[tuple[int, int], bytes] = {}
        self.sizes: dict[int, int] = {}
        self.state = wire.OFFERED
        self.errors: dict[str, Exception] = {}
        self.calls: list[str] = []
        self.fences: set[int] = set()
        self.on: dict[str, Callable[[], None]] = {}

    def __call__(self, server: Server, relay: UUID, fence: int) -> FakeFar:
        self.fences.add(fence)
        return self

    def _step(self, name: str) -> None:
        self.calls.append(name)
        if name in self.on:
            self.on[name]()
        if name in self.errors:
            raise self.errors[name]

    def _standing(self) -> Standing:
        if self.state != wire.ARRIVING:
            return Standing(self.state)
        gaps = []
        for file, size in self.sizes.items():
            count = parts.part_count(size, parts.part_size(size))
            have = {part for number, part in self.got if number == file}
            gaps += [Gap(file, first, last) for first, last in parts.missing(have, count)]
        return Standing(self.state, gaps)

    def offer(self, package: UUID, size: int) -> Standing:
        self._step("offer")
        return self._standing()

    def manifest(self, data: bytes) -> Standing:
        self._step("manifest")
        self.sizes = {blob.number: blob.size for blob in manifests.loads(data).blobs}
        self.state = wire.ARRIVING
        return self._standing()

    def part(self, file: int, part: int, *, algorithm: str, digest: bytes, length: int, body: Iterator[bytes]) -> None:
        self._step("part")
        data = b"".join(body)
        assert len(data) == length
        self.got[file, part] = data

    def bundle(self, items: Any) -> None:
        self._step("bundle")
        for item in items:
            assert isinstance(item, Item)
            assert digest(item.data) == item.digest
            self.got[item.file, item.part] = item.data

    def commit(self) -> Standing:
        self._step("commit")
        if not self._standing().missing:
            self.state = wire.COMMITTED
        return self._standing()

    def withdraw(self) -> None:
        self._step("withdraw")


SIZES = (2 * PART + 1, 0, 7)


@pytest.fixture
def send(here: Server, alice: User, bob: User, carla: User) -> Callable[..., Package]:
    """Have Alice send a package, whose bytes are uploaded already."""

    def make(*recipients: str) -> Package:
        contents = contents_of(*SIZES)
        files = [(f"{number}.bin", len(data)) for number, data in enumerate(contents)]
        package = drafts.create(alice, "Rushes", "", list(recipients), files)
        for file, data in zip(package.files.order_by("number"), contents, strict=True):
            if not data:
                continue
            blob = blobs.create(len(data))
            for number in range(parts.part_count(len(data), PART)):
                with blobs.writer(blob, number) as writer:
                    writer.write(data[number * PART : (number + 1) * PART])
                    writer.finish()
            lifecycle.file_arrived(file, blobs.complete(blob))
        package.refresh_from_db()
        return package

    return make


@pytest.fixture
def far() -> FakeFar:
    return FakeFar()


def claim(holder: str = "one") -> Job[Relay]:
    row = picking.claim(holder)
    assert row is not None
    return Job(row)


def again() -> None:
    """Let what waits be due."""
    Relay.objects.exclude(next_try_at=None).update(next_try_at=timezone.now() - timedelta(seconds=1))
    Link.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))


@pytest.fixture(autouse=True)
def close_connections() -> Iterator[None]:
    yield
    connections.close_all()
