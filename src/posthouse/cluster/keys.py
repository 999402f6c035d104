"""Which keys are valid: this server's own, and those of others that can be followed from one to the next (D7).

Keys are rotated in three steps, each of which may be broken off anywhere and done again:

begin    a new key is made beside the present one, and the present one vouches for it; both are valid
switch   the new key takes the place of the old one, whose private half is gone; both are valid still
retire   only the new one is valid

What the old keys have said of the new ones is kept. A server that was away meanwhile, and knows an old key only,
follows from there, so it needs no private half that ought to be gone.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature

from posthouse.cluster import identity
from posthouse.cluster.models import KeyChange

CONTEXT = b"posthouse key change 1\n"
MOST_VALID = 2
MOST_CHANGES = 32
"""How many changes a server may have missed and still follow."""

Change = dict[str, str]


def rotation() -> KeyChange | None:
    """Return the change of keys that has begun and not ended; None when there is one valid key only."""
    return KeyChange.objects.filter(retired_at=None).first()


def valid() -> list[str]:
    """Return the valid keys of this server: first the one that signs, then the one before or after it, if any."""
    signing, change = identity.public_key(), rotation()
    return [signing, *(key for key in ((change.new, change.old) if change else ()) if key != signing)]


def vouch(server: UUID, new: str) -> str:
    """Return what the signing key of this server says of the next one."""
    signature = identity.private_key().sign(_statement(server, identity.public_key(), new))
    return base64.b64encode(signature).decode()


def changes() -> list[Change]:
    """Return the changes of this server's keys, oldest first, for those who know an old one."""
    newest = KeyChange.objects.order_by("-began_at", "-id")[:MOST_CHANGES]
    return [{"old": each.old, "new": each.new, "signature": each.signature} for each in newest][::-1]


def follow(server: UUID, known: Sequence[str], said: Any) -> list[str]:
    """Return the known keys of a server, and those to which they lead by what it says of its changes."""
    found = list(known)
    for change in said if isinstance(said, list) else []:
        if _leads(server, found, change):
            found.append(change["new"])
    return found


def read(texts: Any) -> list[str]:
    """Return the one or two public keys of a server that came from outside; none at all if they are no such."""
    if not isinstance(texts, list) or not all(isinstance(text, str) and _is_key(text) for text in texts):
        return []
    return texts if len(set(texts)) == len(texts) <= MOST_VALID else []


def _leads(server: UUID, known: Iterable[str], change: Any) -> bool:
    """Whether one of the known keys has signed for the new one."""
    try:
        old, new, signature = change["old"], change["new"], base64.b64decode(change["signature"])
        if old not in known or new in known or not _is_key(new):
            return False
        identity.load_public(old).verify(signature, _statement(server, old, new))
    except (InvalidSignature, binascii.Error, ValueError, TypeError, KeyError):
        return False
    return True


def _is_key(text: str) -> bool:
    try:
        identity.load_public(text)
    except ValueError:
        return False
    return True


def _statement(server: UUID, old: str, new: str) -> bytes:
    return CONTEXT + f"{server} {old} {new}".encode()
