"""A real Active Directory: Debian's Samba as a domain controller, in a folder and a network namespace of its own.

Making the domain and its 2,000 people takes most of a minute, so that is done once for each state of this file and kept
in .cache; a session works on a copy. The ports of a domain controller are fixed, hence the namespace; a pair of virtual
network cards leads into it.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from posthouse.directory.ldap import ldap3
from tests.directory.certificates import Authority
from tests.directory.process import DirectoryProcess
from tests.directory.slapd import ldif

CACHE = Path(__file__).parents[2] / ".cache"
REALM, DOMAIN = "AD.EXAMPLE.TEST", "ADTEST"
BASE = "DC=ad,DC=example,DC=test"
ADMIN, ADMIN_PASSWORD = f"Administrator@{REALM}", "Passw0rd!Test"
PASSWORD = "Gehe1m!Wort"
STAFF, LAB, GROUPS = f"OU=Staff,{BASE}", f"OU=Lab,{BASE}", f"OU=Groups,{BASE}"
PEOPLE = 2_000
CONTACTS = 3_000
NAMES = ("Müller\\, Jörg", "Åström\\, Bo", "O'Neil \\+ Sons", "Weiß", "Łukasz")


def name_of(number: int) -> str:
    """Return the common name of one of the staff, as it stands in a distinguished name."""
    return f"{NAMES[number % len(NAMES)]} {number:04d}"


def _password() -> str:
    return base64.b64encode(PASSWORD.encode("utf-16-le")).decode()


def _person(dn: str, login: str, **more: str | list[str]) -> str:
    named: dict[str, Any] = {
        "objectClass": "user",
        "sAMAccountName": login,
        "userPrincipalName": f"{login}@{REALM.lower()}",
        "displayName": f"{login.title()} of Staff",
        "mail": f"{login}@example.com",
        "department": "Post",
        "userAccountControl": "512",
    }
    text = ldif(dn, named | more).rstrip()
    return f"{text}\nclearTextPassword:: {_password()}\n\n"


def _batches() -> Iterator[str]:
    """Yield the people and groups of the domain: a thousand in one transaction takes the least time."""
    units = [ldif(dn, {"objectClass": "organizationalUnit"}) for dn in (STAFF, LAB, GROUPS)]
    lab = [_person(f"CN={login.title()} Lab\\, Dr.,{LAB}", login) for login in ("alice", "bob", "carla", "dave")]
    yield "".join([*units, *lab])
    for start in range(0, PEOPLE, 1000):
        yield "".join(
            _person(f"CN={name_of(number)},{STAFF}", f"p{number:04d}") for number in range(start, start + 1000)
        )
    for start in range(0, CONTACTS, 1000):
        yield "".join(
            ldif(f"CN=contact {number},{GROUPS}", {"objectClass": "contact"}) for number in range(start, start + 1000)
        )
    staff = [f"CN={name_of(number)},{STAFF}" for number in range(PEOPLE)]
    contacts = [f"CN=contact {number},{GROUPS}" for number in range(CONTACTS)]
    lab_members = [f"CN=Alice Lab\\, Dr.,{LAB}"]
    yield "".join(
        _group(name, members)
        for name, members in (
            ("Inner", lab_members),
            ("Middle", [f"CN=Inner,{GROUPS}", f"CN=Bob Lab\\, Dr.,{LAB}"]),
            ("Outer", [f"CN=Middle,{GROUPS}"]),
            ("Everybody", [*staff, *contacts]),
        )
    )


def _group(name: str, members: list[str]) -> str:
    return ldif(f"CN={name},{GROUPS}", {"objectClass": "group", "sAMAccountName": name, "member": members})


def built() -> Path:
    """Return the folder of a finished domain, which is made if it is not there yet."""
    folder = CACHE / f"samba-{hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]}"
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "samba.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two processes of one run build it once
        if not folder.is_dir():
            for old in CACHE.glob("samba-*"):
                shutil.rmtree(old)
            passing = CACHE / "samba-new"
            _build(passing)
            passing.rename(folder)
    return folder


def _build(folder: Path) -> None:
    _do(
        *("samba-tool", "domain", "provision", f"--targetdir={folder}", f"--realm={REALM}", f"--domain={DOMAIN}"),
        *("--host-name=dc1", "--host-ip=127.0.0.1", "--server-role=dc", "--dns-backend=SAMBA_INTERNAL"),
        *(f"--adminpass={ADMIN_PASSWORD}", "--use-rfc2307"),
    )
    configuration = folder / "etc/smb.conf"
    for number, batch in enumerate(_batches()):
        path = folder / f"{number}.ldif"
        path.write_text(batch)
        _do("ldbadd", "-H", str(folder / "private/sam.ldb"), f"--configfile={configuration}", str(path))
        path.unlink()
    configuration.write_text(configuration.read_text().replace(str(folder), "@FOLDER@"))


class Samba(DirectoryProcess):
    """One domain controller. `modify`, `move` and so on are done by the domain's administrator."""

    ADMINISTRATOR = (ADMIN, ADMIN_PASSWORD)

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.folder = folder / "dc"
        number = random.randrange(1, 250 * 60)
        self.namespace, self.card = f"phdc{os.getpid()}", f"phdc{number}"
        self.host = f"10.{190 + number // 250}.{number % 250}.2"
        self._near = self.host[:-1] + "1"
        shutil.copytree(built(), self.folder, symlinks=True)
        authority.write(self.folder / "tls", self.host)
        self._configure()

    def _configure(self) -> None:
        path = self.folder / "etc/smb.conf"
        text = path.read_text().replace("@FOLDER@", str(self.folder))
        text = re.sub(r"\tdns forwarder = .*\n", "", text)
        tls = self.folder / "tls"
        own = [
            f"pid directory = {self.folder}/run",
            f"ncalrpc dir = {self.folder}/run/ncalrpc",
            f"log file = {self.folder}/log.%m",
            "server services = ldap, cldap, kdc",
            "tls enabled = yes",
            f"tls keyfile = {tls}/server.key",
            f"tls certfile = {tls}/server.crt",
            f"tls cafile = {tls}/ca.crt",
        ]
        lines = "".join(f"\t{line}\n" for line in own)
        path.write_text(text.replace("[global]\n", f"[global]\n{lines}", 1))
        (self.folder / "run/ncalrpc").mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        inside = ("ip", "-n", self.namespace)
        _do("ip", "netns", "add", self.namespace)
        _do("ip", "link", "add", self.card, "type", "veth", "peer", "name", "eth0", "netns", self.namespace)
        _do("ip", "address", "add", f"{self._near}/30", "dev", self.card)
        _do("ip", "link", "set", self.card, "up")
        _do(*inside, "address", "add", f"{self.host}/30", "dev", "eth0")
        for card in ("lo", "eth0"):
            _do(*inside, "link", "set", card, "up")
        command = ["ip", "netns", "exec", self.namespace, "samba", "-s", str(self.folder / "etc/smb.conf")]
        single = ["-F", "--no-process-group", "-M", "single"]
        self.run([*command, *single], (self.host, 636), self.folder / "samba.log", patience=60)

    def stop(self) -> None:
        super().stop()
        # The network cards go with the namespace.
        subprocess.run(["ip", "netns", "delete", self.namespace], check=False, capture_output=True)
        subprocess.run(["ip", "link", "delete", self.card], check=False, capture_output=True)

    def door(self) -> ldap3.Server:
        return ldap3.Server(self.host, port=636, use_ssl=True, get_info=ldap3.NONE)


def _do(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)[:200]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
