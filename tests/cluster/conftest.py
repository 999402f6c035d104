"""A second server that can sign, without a second process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from posthouse.cluster import calls, identity, servers, signatures
from posthouse.cluster.models import Server
from tests.cluster.far import Far


@dataclass
class Signer:
    """A server of the cluster together with its private key."""

    server: Server
    key: Ed25519PrivateKey

    @classmethod
    def of(cls, server: Server) -> Self:
        """Give a server a real key, which is known here."""
        key = Ed25519PrivateKey.generate()
        server.keys = [identity.text_of(key.public_key())]
        server.save()
        return cls(server, key)

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
    return Signer.of(tokyo)


@pytest.fixture(scope="session")
def far_process() -> Iterator[Far]:
    """One process for all tests: it takes seconds to start."""
    server = Far("tokyo")
    yield server
    server.close()


@pytest.fixture
def far(far_process: Far, transactional_db: None) -> Iterator[Far]:
    """Tokyo as a second whole server, not yet paired, with an administrator called boss and a user called ken."""
    far_process.clear()
    far_process.run(
        "from posthouse.accounts.models import User\n"
        "from posthouse.cluster import servers\n"
        "for login, role in [('boss', 'administrator'), ('ken', 'user')]:\n"
        "    user = User(login=login, name=login, email=login + '@tokyo.example', role=role, home=servers.this())\n"
        "    user.set_password('correct horse battery')\n"
        "    user.save()\n"
    )
    with calls.through(far_process):
        yield far_process
