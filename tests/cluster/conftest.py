"""A second server that can sign, without a second process."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from posthouse.cluster import identity, servers, signatures
from posthouse.cluster.models import Server


@dataclass
class Signer:
    """A server of the cluster together with its private key."""

    server: Server
    key: Ed25519PrivateKey

    def sign(
        self, method: str, path: str, query: str = "", *, body: bytes = b"", to: UUID | None = None
    ) -> dict[str, str]:
        return signatures.sign_as(
            self.server.id,
            self.key,
            (method, path, query),
            to=to or servers.this().id,
            content_digest=signatures.content_digest(body),
        )


@pytest.fixture
def here(paris: Server) -> Server:
    """This server, with its real key."""
    return servers.ensure_this()


@pytest.fixture
def signer(here: Server, tokyo: Server) -> Signer:
    """Tokyo, with a real key that is known here."""
    key = Ed25519PrivateKey.generate()
    tokyo.keys = [identity.text_of(key.public_key())]
    tokyo.save()
    return Signer(tokyo, key)
