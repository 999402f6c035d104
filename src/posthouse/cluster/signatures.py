"""Signed calls: HTTP message signatures (RFC 9421) with Ed25519, in the only module that knows how they are made.

A signature covers the method, the path, the query, the digest of the content (RFC 9530), who calls whom with which
version, and the fencing number when there is one. It holds for 300 seconds on either side of the far clock, and once:
the nonce is kept until the window has passed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import http_sf
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.utils import timezone
from http_message_signatures import (
    ContentDigest,
    HTTPMessageSignaturesException,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    InvalidSignature,
    algorithms,
)

import posthouse
from posthouse.cluster import identity, nonces, servers
from posthouse.cluster.errors import SignatureRefused
from posthouse.cluster.models import VERSION_LENGTH, Nonce, Server

WINDOW = timedelta(seconds=300)
TAG = "posthouse"
COMPONENTS = ("@method", "@path", "@query", "content-digest", "posthouse-from", "posthouse-to", "posthouse-version")
FENCE = "posthouse-fence"
KeysOf = Callable[[Server], list[str]]

log = structlog.get_logger("posthouse.cluster")


@dataclass(frozen=True)
class Caller:
    """Who made a call, proven by its signature. Whoever reads the body compares it with the digest."""

    server: Server
    version: str
    algorithm: str
    """Name of the content digest's algorithm."""
    digest: bytes
    fence: int | None = None


def content_digest(body: bytes) -> str:
    """Return the Content-Digest of a body that is held in memory."""
    return digest_field("sha-256", hashlib.sha256(body).digest())


def digest_field(algorithm: str, digest: bytes) -> str:
    """Return a Content-Digest header (RFC 9530, section 2)."""
    return f"{algorithm}=:{base64.b64encode(digest).decode()}:"


def key_name(server_id: UUID, key: str) -> str:
    """Return the name under which a server's key signs."""
    return f"{server_id}/{identity.code(key)}"


def sign(
    method: str,
    path: str,
    query: str,
    *,
    to: UUID,
    content_digest: str,
    fence: int | None = None,
    sender: UUID | None = None,
) -> dict[str, str]:
    """Return the headers that make a request a signed one: from this server, to that one, once, now.

    `path` begins with a slash, includes the namespace, and is not percent-encoded; `query` is encoded, and without
    its question mark. `sender` is this server's id; who knows it spares the database the question.
    """
    return sign_as(
        sender or servers.this().id,
        identity.private_key(),
        (method, path, query),
        to=to,
        content_digest=content_digest,
        fence=fence,
    )


def sign_as(
    sender: UUID,
    key: Ed25519PrivateKey,
    request: tuple[str, str, str],
    *,
    to: UUID,
    content_digest: str,
    fence: int | None = None,
) -> dict[str, str]:
    """Sign a request (method, path, query) for a server with this key."""
    headers = {
        "Content-Digest": content_digest,
        "Posthouse-From": str(sender),
        "Posthouse-To": str(to),
        "Posthouse-Version": posthouse.__version__,
    }
    components: tuple[str, ...] = COMPONENTS
    if fence is not None:
        headers["Posthouse-Fence"] = str(fence)
        components = (*COMPONENTS, FENCE)
    _Signer(signature_algorithm=algorithms.ED25519, key_resolver=_OwnKey(key)).sign(
        _Message(*request, headers),
        key_id=key_name(sender, identity.text_of(key.public_key())),
        created=timezone.now(),
        nonce=secrets.token_urlsafe(16),
        label="posthouse",
        tag=TAG,
        covered_component_ids=components,
    )
    return headers


def verify(
    method: str, path: str, query: str, headers: Mapping[str, str], keys_of: KeysOf = lambda server: server.keys
) -> Caller:
    """Return who made a request. The names of `headers` may have any case; `keys_of` tells the keys of a server.

    Raises SignatureRefused, with a sentence that says why; the refusal is logged.
    """
    try:
        return _verify(method, path, query, {name.lower(): value for name, value in headers.items()}, keys_of)
    except SignatureRefused as refusal:
        log.warning(
            "call refused",
            reason=refusal.message,
            path=path,
            caller=headers.get("posthouse-from") or headers.get("Posthouse-From", ""),
        )
        raise


def purge_nonces() -> int:
    """Forget the calls that are too old to be repeated, and return how many."""
    # A call dated a whole window ahead is let in for two windows; the third is for clocks that are set back.
    return Nonce.objects.filter(seen_at__lt=timezone.now() - 3 * WINDOW).delete()[0]


def _verify(method: str, path: str, query: str, headers: dict[str, str], keys_of: KeysOf) -> Caller:
    sender = _sender(headers)
    keys = keys_of(sender)
    verifier = _Verifier(signature_algorithm=algorithms.ED25519, key_resolver=_Keys(sender.id, keys))
    required = (*COMPONENTS, FENCE) if FENCE in headers else COMPONENTS
    try:
        (result,) = verifier.verify(
            _Message(method, path, query, headers), max_age=None, expect_tag=TAG, require_components=required
        )
    except HTTPMessageSignaturesException as error:
        if not any(f'"{key_name(sender.id, key)}"' in headers["signature-input"] for key in keys):
            raise SignatureRefused(
                f"{sender.name} signed with a key that is not the one known here. If it was set up anew, remove it"
                " and pair the two servers again.",
                "key",
            ) from error
        raise SignatureRefused(f"The signature of {sender.name} is not valid for this call.") from error
    except ValueError as error:  # more than one signature, or none
        raise SignatureRefused("The call must carry exactly one signature.") from error
    _check_time(int(result.parameters["created"]), sender)
    _check_nonce(str(result.parameters["keyid"]), result.nonce)
    algorithm, digest = parse_digest(headers["content-digest"])
    fence = headers.get(FENCE)
    if fence is not None and not (fence.isdecimal() and len(fence) <= 18):  # as much as the database holds
        raise SignatureRefused("The fencing number of the call is no number.")
    if len(headers["posthouse-version"]) > VERSION_LENGTH:
        raise SignatureRefused("The version of the caller is no version.")
    return Caller(sender, headers["posthouse-version"], algorithm, digest, None if fence is None else int(fence))


def _sender(headers: Mapping[str, str]) -> Server:
    """Return the server that says it is calling, which is not proven yet."""
    if not {"signature", "signature-input"} <= headers.keys() or "posthouse-from" not in headers:
        raise SignatureRefused("Only servers of this cluster may call here, and this call is not signed.")
    this = servers.this()
    addressed = headers.get("posthouse-to", "")
    if addressed != str(this.id):
        raise SignatureRefused(
            f"The call was signed for another server than {this.name}. Check the address: two servers may be mixed up."
        )
    try:
        sender = Server.objects.filter(id=UUID(headers["posthouse-from"]), is_self=False).first()
    except ValueError:
        sender = None
    if sender is None:
        raise SignatureRefused(
            f"{this.name} does not know the server that calls. Add it at the master, and sync.", "unknown"
        )
    if sender.removed_at is not None:
        raise SignatureRefused(f"{sender.name} was removed from this cluster, so {this.name} refuses it.", "removed")
    return sender


def _check_time(created: int, sender: Server) -> None:
    ahead = created - round(timezone.now().timestamp())
    if abs(ahead) > WINDOW.total_seconds():
        direction = "ahead of" if ahead > 0 else "behind"
        raise SignatureRefused(
            f"The clock of {sender.name} is {abs(ahead)} seconds {direction} the clock of {servers.this().name}"
            f" ({int(WINDOW.total_seconds())} are allowed), or the call is an old one sent again. Set the clocks of"
            " both by NTP.",
            "clock",
        )


def _check_nonce(key: str, nonce: str | None) -> None:
    if not nonce:
        raise SignatureRefused("The signature has no nonce.")
    if not nonces.spend(f"{key} {nonce}"):
        raise SignatureRefused("The same call came a second time, so it is refused.", "replay")


def parse_digest(field: str) -> tuple[str, bytes]:
    """Return algorithm and digest of a Content-Digest header with exactly one digest. Raises SignatureRefused."""
    try:
        parsed: Any = http_sf.parse(field.encode("ascii"), tltype="dictionary")
        ((algorithm, (digest, _)),) = parsed.items()
    except (ValueError, TypeError, AttributeError, binascii.Error) as error:
        raise SignatureRefused("The call has no Content-Digest that can be read.") from error
    if not isinstance(digest, bytes):
        raise SignatureRefused("The call has no Content-Digest that can be read.")
    return str(algorithm), digest


@dataclass
class _Message:
    """A request as the library wants to see it."""

    method: str
    path: str
    query: str
    headers: dict[str, str]

    @property
    def url(self) -> str:
        """An absolute URL; its host is not covered, because proxies and alternate addresses change it."""
        # The path comes decoded: encoded again, nothing in it can pass for the beginning of a query or a fragment.
        path, query = quote(self.path, safe="/:@!$&'()*+,;="), self.query.replace("#", "%23")
        return f"https://posthouse{path}" + (f"?{query}" if query else "")


class _OwnKey(HTTPSignatureKeyResolver):
    def __init__(self, key: Ed25519PrivateKey) -> None:
        self.key = key

    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:  # noqa: ARG002 - there is one key
        return self.key


class _Keys(HTTPSignatureKeyResolver):
    """The keys of one server: two at once while they are rotated."""

    def __init__(self, server: UUID, keys: list[str]) -> None:
        self.server = server
        self.keys = keys

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey | None:
        named = next((key for key in self.keys if key_id == key_name(self.server, key)), None)
        return None if named is None else identity.load_public(named)


class _AnyDigest(ContentDigest):
    """Leaves the digest to whoever has the content: parts have theirs already, by an algorithm of their own."""

    @classmethod
    def prepare(cls, headers: Any, body: bytes | None, *, use_existing_digest: bool) -> None:
        """Take the header as it is."""


class _Signer(HTTPMessageSigner):
    content_digest_class = _AnyDigest


class _Verifier(HTTPMessageVerifier):
    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:  # noqa: ARG002
        """Leave the time to us: it is judged after the signature, so that the sentence can be believed."""
        if not isinstance(sig_input.params.get("created"), int):
            raise InvalidSignature("no creation time")
