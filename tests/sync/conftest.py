"""A master with a slave of its own."""

from __future__ import annotations

import pytest

from posthouse.cluster import pairing, servers
from posthouse.cluster.models import Server
from tests.cluster.conftest import far, far_process, here, signer  # noqa: F401 - fixtures
from tests.cluster.far import Far
from tests.conftest import make_user


@pytest.fixture
def slave(far: Far) -> Server:  # noqa: F811
    """Tokyo, a second whole server, paired and never synced."""
    servers.ensure_this()
    far.run("from posthouse.cluster import pairing\npairing.convert('paris.example')")
    return pairing.add("tokyo", "tokyo.example")


@pytest.fixture
def crowd(slave: Server) -> Server:
    """The slave, and accounts on the master."""
    make_user("alice", servers.this())
    make_user("bob", slave)
    return slave
