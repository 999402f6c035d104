"""A real OpenLDAP server in a folder, with people, groups in groups, and memberOf."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from posthouse.cli.local import free_port
from posthouse.directory.ldap import ldap3
from tests.directory.certificates import Authority
from tests.directory.process import DirectoryProcess

BASE = "dc=example,dc=test"
ADMIN, ADMIN_PASSWORD = f"cn=admin,{BASE}", "admin secret"
HOST = "127.0.0.1"
OLD = "20250101000000Z"
"""When everything was last changed: long before any test."""

CONFIGURATION = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload refint
pidfile {folder}/slapd.pid
argsfile {folder}/slapd.args
TLSCertificateFile {tls}/server.crt
TLSCertificateKeyFile {tls}/server.key
TLSCACertificateFile {tls}/ca.crt
sizelimit size.soft=500 size.hard=500 size.prtotal=unlimited
database mdb
suffix "{base}"
rootdn "{admin}"
rootpw "{password}"
directory {folder}/db
maxsize 1073741824
dbnosync
index objectClass eq
index uid,cn,mail eq
index entryUUID,modifyTimestamp eq
index member,memberOf eq
limits dn.exact="cn=reader,{base}" size.soft=500 size.hard=500 size.prtotal=unlimited
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=reader,{base}" read by users read by * none
overlay memberof
memberof-group-oc groupOfNames
memberof-member-ad member
memberof-memberof-ad memberOf
overlay refint
refint_attributes member
"""


class Slapd(DirectoryProcess):
    """One server. `modify`, `rename` and so on are done by its own administrator."""

    ADMINISTRATOR = (ADMIN, ADMIN_PASSWORD)

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.folder = folder
        self.tls_port, self.port = free_port(), free_port()
        authority.write(folder / "tls", HOST)
        (folder / "db").mkdir(parents=True)
        self.configuration = folder / "slapd.conf"
        self.configuration.write_text(
            CONFIGURATION.format(folder=folder, tls=folder / "tls", base=BASE, admin=ADMIN, password=ADMIN_PASSWORD)
        )

    def load(self, entries: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Fill it before it runs."""
        path = self.folder / "people.ldif"
        path.write_text("".join(ldif(dn, attributes) for dn, attributes in entries))
        command = ["slapadd", "-q", "-w", "-f", str(self.configuration), "-l", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        urls = f"ldap://{HOST}:{self.port} ldaps://{HOST}:{self.tls_port}"
        command = ["slapd", "-f", str(self.configuration), "-h", urls, "-d", "0"]
        self.run(command, (HOST, self.tls_port), self.folder / "log", patience=20)

    def door(self) -> ldap3.Server:
        return ldap3.Server(f"ldap://{HOST}:{self.port}", get_info=ldap3.NONE)

    def add(self, dn: str, attributes: dict[str, Any]) -> None:
        with self.administrator() as line:
            line.add(dn, attributes=attributes)

    def delete(self, dn: str) -> None:
        with self.administrator() as line:
            line.delete(dn)


def ldif(dn: str, attributes: dict[str, Any]) -> str:
    """Return an entry as LDIF."""
    lines = [f"dn:: {base64.b64encode(dn.encode()).decode()}"]
    for name, values in attributes.items():
        for value in [values] if isinstance(values, str) else values:
            lines.append(f"{name}:: {base64.b64encode(value.encode()).decode()}")
    return "\n".join(lines) + "\n\n"


def tree() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the entries that all others lie below."""
    old = {"createTimestamp": OLD, "modifyTimestamp": OLD}
    yield BASE, {"objectClass": ["dcObject", "organization"], "dc": "example", "o": "Example"} | old
    for name in ("people", "groups"):
        yield f"ou={name},{BASE}", {"objectClass": "organizationalUnit", "ou": name} | old
    yield (
        f"cn=reader,{BASE}",
        {"objectClass": ["organizationalRole", "simpleSecurityObject"], "cn": "reader", "userPassword": "read it"}
        | old,
    )


def person(login: str, ou: str = "people", **attributes: Any) -> tuple[str, dict[str, Any]]:
    """Return somebody."""
    named = {
        "objectClass": "inetOrgPerson",
        "uid": login,
        "cn": login.title(),
        "sn": login,
        "displayName": login.title(),
        "mail": f"{login}@example.com",
        "userPassword": f"secret of {login}",
        "createTimestamp": OLD,
        "modifyTimestamp": OLD,
    }
    return f"uid={login},ou={ou},{BASE}", named | attributes


def group(name: str, *members: str) -> tuple[str, dict[str, Any]]:
    """Return a group of entries."""
    return (
        f"cn={name},ou=groups,{BASE}",
        {
            "objectClass": "groupOfNames",
            "cn": name,
            "member": list(members),
            "createTimestamp": OLD,
            "modifyTimestamp": OLD,
        },
    )
