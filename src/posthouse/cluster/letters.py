"""Letters from one server to another that people carry by hand: in a form of a page, without a call between the two.

A letter is signed with the writing server's identity key, is for one addressee and one purpose, and is accepted once,
for 60 seconds. It is not encrypted: whoever carries it can read it, and nobody can change it.
"""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone

from posthouse.cluster import calls, identity, nonces, servers
from posthouse.cluster.errors import CallError
from posthouse.cluster.models import Server
from posthouse.cluster.signatures import WINDOW

LIFETIME = 60
"""Seconds for which a letter is good."""
LIMIT = 8 * 1024
"""Characters of the longest letter that is looked at."""
CONTEXT = b"posthouse letter 1\n"
TIMEOUT_SECONDS = 10.0

log = structlog.get_logger("posthouse.cluster")


class LetterRefused(Exception):
    """A letter is not what it should be; the message is a sentence for the person who brought it."""


@dataclass(frozen=True)
class Letter:
    """A letter that was proven, and cannot be brought again."""

    writer: Server
    content: dict[str, Any]


def write(to: Server, purpose: str, content: dict[str, Any]) -> str:
    """Return a letter from this server, as text that fits into a form."""
    return write_as(servers.this().id, identity.private_key(), to.id, purpose, content)


def write_as(writer: UUID, key: Ed25519PrivateKey, to: UUID, purpose: str, content: dict[str, Any]) -> str:
    """Return a letter that is signed with this key."""
    envelope = {
        "from": str(writer),
        "to": str(to),
        "purpose": purpose,
        "at": int(timezone.now().timestamp()),
        "nonce": secrets.token_urlsafe(16),
        "content": content,
    }
    body = json.dumps(envelope, separators=(",", ":")).encode()
    return f"{_encode(body)}.{_encode(key.sign(CONTEXT + body))}"


def read(text: str, purpose: str) -> Letter:
    """Return the letter that a text is. It is spent by that, whatever the reader then thinks of its content.

    Calls the writer to ask for the time if the letter is not of the last minute by this server's clock.

    Raises LetterRefused; the refusal is logged.
    """
    try:
        return _read(text, purpose)
    except LetterRefused as refusal:
        log.warning("letter refused", purpose=purpose, reason=str(refusal))
        raise


def _read(text: str, purpose: str) -> Letter:
    body, signature = _take_apart(text)
    try:
        envelope = json.loads(body)
        writer_id, to, at = UUID(envelope["from"]), envelope["to"], int(envelope["at"])
        nonce, content = str(envelope["nonce"]), dict(envelope["content"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise _damaged() from error
    writer = Server.objects.filter(id=writer_id, is_self=False).first()
    this = servers.this()
    if writer is None:
        raise LetterRefused(f"{this.name} does not know the server that sent you.")
    if writer.removed_at is not None:
        raise LetterRefused(f"{writer.name}, which sent you, is no longer part of this cluster.")
    if not any(_signed_with(key, body, signature) for key in writer.keys):
        raise _damaged()
    if to != str(this.id):
        raise LetterRefused(f"{writer.name} sent you to another server than {this.name}.")
    if envelope.get("purpose") != purpose:
        raise _damaged()
    age = timezone.now().timestamp() - at
    if not -WINDOW.total_seconds() <= age <= LIFETIME + WINDOW.total_seconds():
        raise _late(writer)
    if not nonces.spend(f"letter {writer.id} {nonce}"):
        raise LetterRefused(f"You were let in with this before: what {writer.name} gave you is good for one time.")
    # A clock that differs may make a new letter look old, and an old one new: then the writer's own clock decides.
    if abs(age) > LIFETIME and not 0 <= _clock(writer) - at <= LIFETIME:
        raise _late(writer)
    return Letter(writer, content)


def _take_apart(text: str) -> tuple[bytes, bytes]:
    body, _, signature = text.partition(".")
    if len(text) > LIMIT:
        raise _damaged()
    try:
        return _decode(body), _decode(signature)
    except ValueError as error:
        raise _damaged() from error


def _signed_with(key: str, body: bytes, signature: bytes) -> bool:
    try:
        identity.load_public(key).verify(signature, CONTEXT + body)
    except (InvalidSignature, ValueError):
        return False
    return True


def _clock(writer: Server) -> float:
    """Return the time by another server's clock, to within the time that a call takes."""
    try:
        answer = calls.call(writer, "POST", "cluster/test", json={}, timeout=TIMEOUT_SECONDS)
        return float(answer.json()["clock"])
    except (CallError, KeyError, TypeError, ValueError) as error:
        log.warning("clock not known", server=writer.name, reason=str(error))
        raise LetterRefused(
            f"The clocks of {writer.name} and {servers.this().name} differ, or you have waited for more than {LIFETIME}"
            " seconds."
        ) from error


def _damaged() -> LetterRefused:
    return LetterRefused("What you brought from the other server is damaged, or was not made by it.")


def _late(writer: Server) -> LetterRefused:
    return LetterRefused(f"What {writer.name} gave you is good for {LIFETIME} seconds, and more have passed.")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def _decode(text: str) -> bytes:
    """Return what a text stands for. Raises ValueError (binascii.Error and UnicodeEncodeError are such)."""
    return base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
