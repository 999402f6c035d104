"""Real directories, shared by all tests of a session, and what tests do with connections to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from posthouse.directory import sealing
from posthouse.directory.models import Connection, Run
from posthouse.directory.runs import start
from posthouse.jobs import leases
from posthouse.jobs.job import Job
from posthouse.jobs.registry import kinds
from posthouse.jobs.worker import perform
from tests.cluster.conftest import far, far_process, here, signer  # noqa: F401 - fixtures
from tests.directory import slapd
from tests.directory.certificates import Authority
from tests.directory.samba import Samba
from tests.directory.slapd import BASE, Slapd, group, person, tree
from tests.sync.conftest import slave  # noqa: F401 - a fixture


@pytest.fixture(scope="session")
def authority() -> Authority:
    """Whom the directories' certificates are made by."""
    return Authority.new()


@pytest.fixture
def ldap(tmp_path: Path, authority: Authority) -> Iterator[Slapd]:
    """An OpenLDAP server of this test's own, with a few people; it starts in a tenth of a second."""
    server = Slapd(tmp_path / "slapd", authority)
    server.load(
        [
            *tree(),
            *(person(login) for login in ("anna", "bert", "cleo")),
            person("dora", displayName="Dora Müller, Prokura", departmentNumber=["Sales", "Europe"]),
            group("staff", f"cn=sales,ou=groups,{BASE}", f"uid=anna,ou=people,{BASE}"),
            group("sales", f"cn=europe,ou=groups,{BASE}"),
            group("europe", f"uid=bert, ou=People, {BASE}", f"uid=dora,ou=people,{BASE}"),
        ]
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture
def connection(paris: object, ldap: Slapd, authority: Authority) -> Connection:
    """A connection to it."""
    return connect(authority, name="office", kind="ldap", port=ldap.tls_port)


@pytest.fixture(scope="session")
def domain(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Samba]:
    """An Active Directory with 2,000 people, shared by all tests of a session."""
    server = Samba(tmp_path_factory.mktemp("samba"), authority)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def connect(authority: Authority, **fields: Any) -> Connection:
    """Return a new connection."""
    standard = {
        "hosts": slapd.HOST,
        "authorities": authority.pem,
        "bind_name": f"cn=reader,{BASE}",
        "sealed_password": sealing.seal("read it"),
        "bases": BASE,
    }
    return Connection.objects.create(**standard | fields)


def imported(connection: Connection, kind: str = Run.Kind.MANUAL, *, full: bool = True) -> Run:
    """Import a directory as a worker does it, and return the run."""
    run = start(connection, kind, full=full)
    claimed = leases.claim(Run.objects.filter(pk=run.pk), "worker")
    assert claimed is not None
    perform(kinds["directory"], Job(claimed))
    run.refresh_from_db()
    connection.refresh_from_db()
    return run


def counts(run: Run) -> dict[str, int]:
    """Return what a run has done, without what it has not."""
    names = ("seen", "added", "changed", "deactivated", "unchanged", "refused")
    return {name: count for name in names if (count := getattr(run, name))}
