"""Small files go up many at a time; over a line that breaks, fewer; and what a bundle cannot bring goes alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from urllib3.exceptions import ProtocolError

from posthouse.cli import bundling
from posthouse.cli.browser import Answer, ClientError
from posthouse.cli.bundling import Bundling
from posthouse.cli.client import Client, Draft
from posthouse.cli.sources import Plain, Sealed
from posthouse.lib import bundles, sealing
from posthouse.lib.bundles import Item
from posthouse.lib.ids import uuid7

ITEMS = [Item(uuid7(), bytes([number]) * 10) for number in range(8)]


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made; time goes on by them and by nothing else."""
    made: list[float] = []
    monkeypatch.setattr(time, "sleep", made.append)
    monkeypatch.setattr(time, "monotonic", lambda: sum(made))
    return made


class Server(Client):
    """Takes bundles and uploads of one piece. `trouble` may raise, or answer, before a bundle of so many is taken."""

    def __init__(self, trouble: Callable[[int], Answer | None] = lambda _: None) -> None:
        super().__init__("https://paris.example/")
        self.trouble = trouble
        self.bundles: list[int] = []
        self.contents: dict[UUID, bytes] = {}
        self.begun: set[UUID] = set()
        self.alone: list[bytes] = []

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        data = b"".join(body or ()) if not isinstance(body, bytes) else body
        assert headers
        if path == "/uploads/":
            self.alone.append(data)
            return Answer(
                201, {"Location": "/uploads/x", "Upload-Offset": str(len(data))}, b"", "https://paris.example/"
            )
        assert (method, path) == ("POST", "/bundles")
        assert headers["Content-Length"] == str(len(data))
        items = bundles.unpack(data)
        self.bundles.append(len(items))
        if refusal := self.trouble(len(items)):
            return refusal
        self.contents |= {item.file: item.data for item in items if item.file not in self.begun}
        here = [str(item.file) for item in items if item.file not in self.begun]
        return Answer(200, {}, json.dumps({"here": here, "others": []}).encode(), path)


def send(server: Server, items: list[Item] = ITEMS) -> set[str]:
    return Bundling(server, "/bundles", "right", 60).send(items)


def test_all_of_them_go_in_one_request() -> None:
    server = Server()
    assert send(server) == {str(item.file) for item in ITEMS}
    assert server.contents == {item.file: item.data for item in ITEMS}
    assert server.bundles == [8]


def test_over_a_line_that_breaks_they_go_in_smaller_bundles_and_larger_ones_again() -> None:
    def cut(count: int) -> None:
        if count > 2:
            raise ProtocolError("cut")

    server = Server(cut)
    assert send(server) == {str(item.file) for item in ITEMS}
    assert server.bundles == [8, 4, 2, 4, 2, 4, 2, 2]


def test_a_server_that_is_away_for_long_is_given_up(pauses: list[float]) -> None:
    def away(_: int) -> None:
        raise ProtocolError("away")

    server = Server(away)
    with pytest.raises(ClientError, match="no progress"):
        send(server)
    assert 60 < sum(pauses) < 70
    assert server.bundles[-1] == 1


def test_a_server_that_cannot_now_is_asked_again_and_one_that_refuses_is_not() -> None:
    statuses = iter([503, 423, 507])

    def trouble(_: int) -> Answer:
        return Answer(next(statuses), {}, b'{"error": "no"}', "")

    server = Server(trouble)
    with pytest.raises(ClientError) as refused:
        send(server)
    assert refused.value.status == 507
    assert server.bundles == [8, 8, 8]


@pytest.mark.parametrize(("most", "tried"), [(3, [8, 4, 2, 2, 2, 2]), (0, [8, 4, 2, *[1] * 8])])
def test_a_proxy_that_takes_less_at_once_gets_less(most: int, tried: list[int]) -> None:
    server = Server(lambda count: Answer(413, {}, b"", "") if count > most else None)
    assert send(server) == ({str(item.file) for item in ITEMS} if most else set()), "the others go alone"
    assert server.bundles == tried


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Files by their names: small ones, one that is too large for a bundle, and an empty one."""
    sizes = {"a": 10, "b": 20, "large": bundles.EACH + 1, "empty": 0, "c": bundles.EACH}
    for name, size in sizes.items():
        (tmp_path / name).write_bytes((name.encode() * size)[:size])
    return {name: tmp_path / name for name in sizes}


def draft(files: Mapping[str, Path], sizes: Callable[[int], int] = int, **more: Any) -> Draft:
    state = [
        {"id": str(uuid7()), "path": name, "size": sizes(path.stat().st_size), "offset": 0, "upload": None, "marks": []}
        for name, path in files.items()
    ]
    return Draft("p", "right", "/uploads/", state, None, **{"bundles": "/bundles", **more})


def test_small_files_of_a_package_go_together_and_others_alone(files: dict[str, Path]) -> None:
    server = Server()
    server.upload(draft(files), files)
    assert sorted(server.contents.values()) == sorted(files[name].read_bytes() for name in ("a", "b", "c"))
    assert server.bundles == [3]
    assert server.alone == [files["large"].read_bytes()]


def test_a_server_that_knows_no_bundles_gets_them_one_by_one(files: dict[str, Path]) -> None:
    server = Server()
    server.upload(draft(files, bundles=""), files)
    assert server.bundles == []
    assert len(server.alone) == 4


def test_what_was_not_taken_has_begun_or_has_changed_goes_alone(files: dict[str, Path]) -> None:
    server = Server()
    made = draft(files)
    by_path = {file["path"]: file for file in made.files}
    server.begun.add(UUID(by_path["a"]["id"]))
    by_path["b"]["size"] += 1  # what it was when the package was made
    server.upload(made, files)
    assert list(server.contents.values()) == [files["c"].read_bytes()]
    assert {files["a"].read_bytes(), files["b"].read_bytes()} < set(server.alone)


def test_files_of_an_encrypted_package_are_sealed_first(files: dict[str, Path]) -> None:
    from posthouse.lib import envelopes

    _, key = sealing.seal_package("seven quiet lighthouses")
    server = Server()
    server.upload(draft(files, envelopes.sealed_size), files, key=key)
    assert server.bundles == [3]  # the empty one is not empty any more, and the largest small one no small one
    assert len(server.alone) == 2
    sealed = b"".join(Sealed(files["a"], key, "a").pieces(0))
    assert sealed in server.contents.values()


def test_groups_are_as_large_as_a_bundle_may_be() -> None:
    sizes = [bundles.EACH] * 20 + [1] * 1000
    groups = list(bundles.groups(sizes, int))
    assert [size for group in groups for size in group] == sizes
    assert [len(group) for group in groups] == [8, 8, 500, 500, 4]
    assert max(sum(group) for group in groups) == bundles.BYTES
    assert list(bundles.groups([], int)) == []


def test_what_was_packed_is_what_is_unpacked(files: dict[str, Path]) -> None:
    assert bundles.unpack(bundles.pack(ITEMS)) == ITEMS
    state = draft(files).files[0]
    assert bundling.item(state, Plain(files["a"])) == Item(UUID(state["id"]), b"a" * 10)
