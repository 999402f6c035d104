"""Looking at an address: which server answers there, proven by its own key.

The answer is signed over a number that the asker chose, and names the certificate that the server shows. So whoever
compares the one fingerprint of the key has compared the certificate too: somebody in between would need another
certificate, and could not sign for it.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from cryptography.exceptions import InvalidSignature

import posthouse
from posthouse.cluster import calls, certificate, identity, keys, servers
from posthouse.cluster.addresses import Address
from posthouse.cluster.errors import NotPosthouse, NotTrusted
from posthouse.cluster.keys import Change
from posthouse.cluster.models import NAME_LENGTH, VERSION_LENGTH, Server
from posthouse.cluster.transport import Place

CONTEXT = b"posthouse identity 1\n"
TIMEOUT_SECONDS = 15.0
LIMIT = 16 * 1024
MOST_KEYS = 4


@dataclass(frozen=True)
class Found:
    """What a server says of itself."""

    address: Address
    id: UUID
    name: str
    version: str
    role: str
    master: str
    """The id of its master; empty when it is no slave."""
    keys: list[str]
    """Its valid keys: the first one has signed."""
    pin: str
    """The pin that its certificate needs; empty when certificate authorities stand for it."""
    changes: list[Change] = field(default_factory=list)
    """What its former keys have said of those that came after them."""
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprint", identity.fingerprint(self.keys[0]))


def describe(nonce: str) -> dict[str, str]:
    """Return what this server says of itself, signed for whoever chose the nonce."""
    this = servers.this()
    master = servers.master() if this.role == Server.Role.SLAVE else None
    document = json.dumps(
        {
            "id": str(this.id),
            "name": this.name,
            "version": posthouse.__version__,
            "role": this.role,
            "master": str(master.id) if master else "",
            "keys": keys.valid(),
            "changes": keys.changes(),
            "certificate": certificate.own_fingerprint(),
        }
    )
    signature = identity.private_key().sign(_to_sign(nonce, document))
    return {"document": document, "signature": base64.b64encode(signature).decode()}


def look(address: Address) -> Found:
    """Return which server answers at an address. Raises CallError."""
    transport = calls.transport()
    shown = transport.certificate(address.host, address.port)
    nonce = secrets.token_urlsafe(24)
    reply = transport.send(
        Place(address.host, address.port, shown.pin),
        "GET",
        f"{address.namespace.rstrip('/')}/cluster/identity?{urlencode({'nonce': nonce})}",
        {},
        b"",
        TIMEOUT_SECONDS,
        LIMIT,
    )
    where = f"{address.host}, port {address.port}"
    if reply.status != 200:
        raise NotPosthouse(
            f"What answers at {where} has no Posthouse server at the URL namespace {address.namespace}."
            " Check the port, and ask its administrator for the namespace."
        )
    document = _proven(reply.body, nonce, where)
    try:
        found = Found(
            address,
            UUID(document["id"]),
            str(document["name"]),
            str(document["version"]),
            Server.Role(document["role"]).value,
            str(document["master"]),
            [str(key) for key in document["keys"]],
            shown.pin if shown.problem else "",
            document.get("changes", []),
        )
        _check(found)
    except (KeyError, ValueError, TypeError) as error:
        raise NotPosthouse(f"The server at {where} speaks another language: is it of another version?") from error
    if shown.problem and document.get("certificate") != shown.pin:
        raise NotTrusted(
            f"The certificate shown at {where} is not the one that {found.name} calls its own, and no certificate"
            " authority known here stands for it. Something stands between the two servers: give it a certificate"
            " of a known authority, or let it pass the connection through."
        )
    return found


def _proven(body: bytes, nonce: str, where: str) -> dict[str, Any]:
    """Return the document, if one of the keys that it names has signed it for this nonce."""
    try:
        answer = json.loads(body)
        text, signature = answer["document"], base64.b64decode(answer["signature"])
        document: dict[str, Any] = json.loads(text)
        key = identity.load_public(document["keys"][0])
    except (ValueError, TypeError, KeyError, IndexError, binascii.Error) as error:
        raise NotPosthouse(f"What answers at {where} is not a Posthouse server. Check address and port.") from error
    try:
        key.verify(signature, _to_sign(nonce, text))
    except InvalidSignature as error:
        raise NotTrusted(f"The server at {where} could not prove that the key it shows is its own.") from error
    return document


def _check(found: Found) -> None:
    """Raise ValueError unless what a server says of itself can be written down, and its keys are keys."""
    for text, length in ((found.name, NAME_LENGTH), (found.version, VERSION_LENGTH)):
        if not text.isprintable() or not 0 < len(text) <= length:
            raise ValueError("no proper name or version")
    if len(found.keys) > MOST_KEYS:
        raise ValueError("too many keys")
    for key in found.keys:
        identity.load_public(key)


def _to_sign(nonce: str, document: str) -> bytes:
    return CONTEXT + nonce.encode() + b"\n" + document.encode()
