"""OpenLDAP's slapd, a provider and an empty consumer that refreshes itself from it by syncrepl, over TLS."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.servers import wait_for_port
from posthouse.cli.local import free_port
from posthouse.lib import processes

BASE = "dc=example,dc=test"
ADMIN = f"cn=admin,{BASE}"
LONGEST_SECONDS = 1800.0
ENVIRONMENT = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"}


class Slapd:
    """The provider, with people in groups, loaded and running."""

    def __init__(self, folder: Path, people: int, each: int, groups: int, stamp: str = "") -> None:
        """`stamp`: when everything was last changed, as LDAP writes it; now, when it is empty."""
        self._stamp = f"createTimestamp: {stamp}\nmodifyTimestamp: {stamp}\n" if stamp else ""
        self.folder = folder / "slapd"
        self.people, self.each, self.groups = people, each, groups
        self.port = free_port()

    def __enter__(self) -> Self:
        (self.folder / "provider").mkdir(parents=True)
        self._certificate()
        source = self.folder / "people.ldif"
        with source.open("w") as file:
            file.writelines(self._entries())
        config = self._config("provider", ["overlay syncprov", "syncprov-checkpoint 1000 10"])
        self._run("slapadd", "-q", "-w", "-f", str(config), "-l", str(source))
        source.unlink()
        self._provider = self._start(config, self.port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _end(self._provider)

    def refresh(self, *, durable: bool) -> float:
        """Start an empty consumer, and return the seconds until it has everything."""
        shutil.rmtree(self.folder / "consumer", ignore_errors=True)
        (self.folder / "consumer").mkdir()
        syncrepl = (
            f"syncrepl rid=001 provider=ldaps://127.0.0.1:{self.port} type=refreshAndPersist retry=1,+"
            f' searchbase="{BASE}" filter="(objectClass=*)" attrs="*,+" schemachecking=off bindmethod=simple'
            f' binddn="{ADMIN}" credentials=admin tls_reqcert=never'
        ).replace("retry=1,+", 'retry="1 +"')
        config = self._config("consumer", [syncrepl], durable=durable)
        port = free_port()
        wanted = self._state(self.port)
        started = time.monotonic()
        consumer = self._start(config, port)
        try:
            while self._state(port) != wanted:
                if time.monotonic() - started > LONGEST_SECONDS:
                    raise RuntimeError("the consumer did not get everything")
                time.sleep(0.1)
            seconds = time.monotonic() - started
            self._compare(port)
        finally:
            _end(consumer)
        return seconds

    def _compare(self, port: int) -> None:
        found = self._search(port, "sub", "(uid=*)", "1.1").count("\ndn:")
        if found != self.people:
            raise RuntimeError(f"the consumer has {found} of {self.people} people")

    def _entries(self) -> Iterator[str]:
        yield f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n"
        yield f"{self._stamp}\n"
        for unit in ("people", "groups"):
            yield f"dn: ou={unit},{BASE}\nobjectClass: organizationalUnit\nou: {unit}\n{self._stamp}\n"
        members: dict[int, list[int]] = {group: [] for group in range(self.groups)}
        for n in range(self.people):
            mine = sorted({(n + k * self.groups // self.each) % self.groups for k in range(self.each)})
            for group in mine:
                members[group].append(n)
            yield (
                f"dn: uid=u{n:07d},ou=people,{BASE}\nobjectClass: inetOrgPerson\nuid: u{n:07d}\ncn: User {n}\nsn: {n}\n"
                f"mail: u{n:07d}@example.test\nuserPassword: {{ARGON2}}c29tZXNhbHRzb21lc2FsdA\n"
            )
            yield "".join(f"memberOf: cn=group{group},ou=groups,{BASE}\n" for group in mine) + f"{self._stamp}\n"
        for group, people in members.items():
            yield f"dn: cn=group{group},ou=groups,{BASE}\nobjectClass: groupOfNames\ncn: group{group}\n"
            yield "".join(f"member: uid=u{n:07d},ou=people,{BASE}\n" for n in people) + f"{self._stamp}\n"

    def _config(self, name: str, more: list[str], *, durable: bool = True) -> Path:
        folder = self.folder / name
        lines = [
            *(f"include /etc/ldap/schema/{schema}.schema" for schema in ("core", "cosine", "inetorgperson")),
            "modulepath /usr/lib/ldap",
            *(f"moduleload {module}" for module in ("back_mdb", "memberof", "syncprov")),
            f"TLSCertificateFile {self.folder}/tls.crt",
            f"TLSCertificateKeyFile {self.folder}/tls.key",
            "sizelimit unlimited",
            "database mdb",
            f'suffix "{BASE}"',
            f'rootdn "{ADMIN}"',
            "rootpw admin",
            f"directory {folder}",
            "maxsize 8589934592",
            *([] if durable else ["dbnosync"]),
            "index objectClass eq",
            "index uid,mail,cn,sn eq,sub",
            "index member,memberOf eq",
            "index entryUUID,entryCSN eq",
            *more,
        ]
        path = self.folder / f"{name}.conf"
        path.write_text("\n".join([*lines, ""]))
        return path

    def _start(self, config: Path, port: int) -> subprocess.Popen[bytes]:
        parent = os.getpid()
        with (self.folder / f"{config.stem}.log").open("wb") as log:
            process = subprocess.Popen(
                ["slapd", "-f", str(config), "-h", f"ldaps://127.0.0.1:{port}", "-d", "0"],
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=lambda: processes.die_with_parent(parent),
            )
        wait_for_port(port)
        return process

    def _state(self, port: int) -> list[str]:
        return [
            line for line in self._search(port, "base", "(objectClass=*)", "contextCSN").splitlines() if "CSN:" in line
        ]

    def _search(self, port: int, scope: str, wanted: str, attribute: str) -> str:
        address = f"ldaps://127.0.0.1:{port}"
        done = subprocess.run(
            [
                "ldapsearch",
                "-x",
                "-LLL",
                "-H",
                address,
                "-D",
                ADMIN,
                "-w",
                "admin",
                "-b",
                BASE,
                "-s",
                scope,
                wanted,
                attribute,
            ],
            env={**ENVIRONMENT, "LDAPTLS_REQCERT": "never"},
            capture_output=True,
            text=True,
        )
        return "\n" + done.stdout

    def _certificate(self) -> None:
        self._run(
            "openssl",
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(self.folder / "tls.key"), "-out", str(self.folder / "tls.crt")),
        )

    def _run(self, *command: str) -> None:
        done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{command[0]}: {done.stdout[-1000:]}{done.stderr[-1000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()
