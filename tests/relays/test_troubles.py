"""Every class of error, from what really happens at either end to what the relay, its page and its link make of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

import posthouse
from posthouse.accounts.models import User
from posthouse.cluster import signatures
from posthouse.cluster.errors import (
    Broken,
    CallError,
    Failed,
    Kind,
    NameUnknown,
    NoConnection,
    NotPosthouse,
    NotTrusted,
    Refusal,
    Refused,
    WrongCertificate,
)
from posthouse.cluster.models import Server
from posthouse.cluster.transport import Reply
from posthouse.relays import fences, troubles
from posthouse.relays.troubles import TABLE
from posthouse.store import blobs, errors
from tests.relays.conftest import PART, Tokyo, Wire

pytestmark = pytest.mark.django_db(transaction=True)

Send = Callable[..., Tokyo]
HERE = Path(__file__).parents[2]


def trouble_of(tokyo: Tokyo) -> tuple[str, Kind]:
    """Send, and return which trouble that is, and of which class the far side says it is."""
    with pytest.raises(CallError) as caught:
        tokyo.send()
    return troubles.of(caught.value).code, caught.value.kind


def as_in_table(found: tuple[str, Kind], code: str) -> None:
    assert found == (code, TABLE[code].kind)


def test_a_full_disk_at_the_destination(tokyo_sends: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs.Disk, "free", lambda _self: 10)
    as_in_table(trouble_of(tokyo_sends(PART)), "full_there")


def test_a_store_that_is_not_there_at_the_destination(tokyo_sends: Send, store: Path) -> None:
    tokyo = tokyo_sends(PART)
    store.rmdir()
    store.write_text("no folder any more")
    as_in_table(trouble_of(tokyo), "store_there")


def test_a_clock_that_is_an_hour_off(tokyo_sends: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    real, sign = timezone.now, signatures.sign

    def slow(*args: Any, **more: Any) -> dict[str, str]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(signatures.timezone, "now", lambda: real() - timedelta(hours=1))
            return sign(*args, **more)

    monkeypatch.setattr(signatures, "sign", slow)
    as_in_table(trouble_of(tokyo_sends(PART)), "clock")


def test_another_version(tokyo_sends: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    tokyo = tokyo_sends(PART)
    real = fences.require_same_version

    def older(caller: object) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(posthouse, "__version__", "0.0.1")
            real(caller)  # type: ignore[arg-type]

    monkeypatch.setattr(fences, "require_same_version", older)
    as_in_table(trouble_of(tokyo), "version")


def test_a_signature_that_is_refused(tokyo_sends: Send, tokyo: Server) -> None:
    sends = tokyo_sends(PART)
    Server.objects.filter(pk=tokyo.pk).update(keys=[])
    as_in_table(trouble_of(sends), "signature")


def test_a_server_that_is_not_known_there(tokyo_sends: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    sends = tokyo_sends(PART)
    reply = Refusal(401, "paris does not know the server that calls.", Kind.ADMINISTRATOR, "unknown")
    monkeypatch.setattr(Wire, "_carry", lambda *_: _answer(reply))
    as_in_table(trouble_of(sends), "stranger")


def test_a_server_that_was_removed_there(tokyo_sends: Send, tokyo: Server) -> None:
    sends = tokyo_sends(PART)
    Server.objects.filter(pk=tokyo.pk).update(removed_at=timezone.now())
    as_in_table(trouble_of(sends), "cast_out")


def test_a_licence_that_is_missing_there(tokyo_sends: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    sends = tokyo_sends(PART)
    reply = Refusal(403, "paris has no licence that is valid today.", Kind.ADMINISTRATOR, "licence")
    monkeypatch.setattr(Wire, "_carry", lambda *_: _answer(reply))
    as_in_table(trouble_of(sends), "licence")


def test_a_recipient_who_is_not_known_there_yet(tokyo_sends: Send, alice: User) -> None:
    sends = tokyo_sends(PART)
    User.objects.filter(pk=alice.pk).delete()
    as_in_table(trouble_of(sends), "recipient")


def test_a_sender_who_was_overtaken(tokyo_sends: Send) -> None:
    sends = tokyo_sends(PART)
    sends.far(fence=7).offer(sends.manifest.package, 1)
    as_in_table(trouble_of(sends), "overtaken")


def test_a_fault_at_the_destination(tokyo_sends: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    sends = tokyo_sends(PART)
    monkeypatch.setattr(Wire, "_carry", lambda *_: Reply(502, {}, b"<html>bad gateway</html>"))
    as_in_table(trouble_of(sends), "failed")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NoConnection("Nothing answers at tokyo, port 443."), "unreachable"),
        (NameUnknown("The name tokyo is not known."), "name"),
        (Broken("The connection to tokyo broke."), "broken"),
        (Failed("tokyo answers with an error of its own."), "failed"),
        (WrongCertificate("It is not the one that was pinned."), "certificate"),
        (NotPosthouse("Something else answers."), "address"),
        (NotTrusted("The nonce came twice.", code="replay"), "signature"),
        (Refused(422, "Part 1 arrived damaged.", Kind.TEMPORARY, "digest"), "damaged_line"),
        (Refused(423, "Another connection still sends part 1.", Kind.TEMPORARY, "locked"), "busy"),
        (Refused(404, "It must be offered first.", Kind.TEMPORARY, "unoffered"), "forgotten"),
        (Refused(409, "Bob lives at rio now.", Kind.TEMPORARY, "moved"), "moved"),
        (Refused(422, "The manifest is unsound."), "refused"),
        (errors.StoreFull(), "full_here"),
        (errors.StoreReadOnly(), "store_here"),
        (errors.StoreMissing(), "store_here"),
        (errors.StoreBroken(OSError(5, "Input/output error")), "disk_here"),
        (errors.BlobMissing(), "lost_here"),
        (errors.BlobDamaged("take.mov", 1, Path("/store/ab/x")), "damaged_here"),
    ],
)
def test_what_the_line_and_this_servers_own_disk_say(error: CallError | errors.StoreError, code: str) -> None:
    as_in_table((troubles.of(error).code, Kind(error.kind)), code)


def test_each_has_a_title_and_a_cure_in_words_and_stands_in_the_documentation() -> None:
    page = (HERE / "docs" / "operations" / "relays.md").read_text().partition("## Troubles")[2].partition("\n## ")[0]
    rows = {line.split("|")[1].strip(): line for line in page.splitlines() if line.startswith("|")}
    for trouble in TABLE.values():
        assert trouble.cure.endswith(".")
        assert not trouble.title.endswith(".")
        assert trouble.title in rows, f"docs/operations/relays.md does not list “{trouble.title}”"
        assert trouble.kind.value in rows[trouble.title]


def _answer(refusal: Refusal) -> Reply:
    return Reply(refusal.status, {}, json.dumps(refusal.document()).encode())
