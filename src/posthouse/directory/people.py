"""What a directory says of a person, made from an entry. Pure.

Active Directory and other directories tell the same things in different attributes; past this module nobody knows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from posthouse.accounts.rules import normal
from posthouse.directory.port import Found

ACTIVE_DIRECTORY = "ad"
LDAP = "ldap"

UID = {ACTIVE_DIRECTORY: "objectGUID", LDAP: "entryUUID"}
DISABLED = 0x2
"""The bit of userAccountControl that says that an account is switched off."""
MOST_VALUES = 100
LONGEST_VALUE = 1000


@dataclass(frozen=True)
class Attributes:
    """Which attribute holds what."""

    login: str
    name: str
    email: str
    fields: tuple[str, ...] = ()
    """What is kept for rules, beside these."""


@dataclass(frozen=True)
class Person:
    """One person, as a directory says."""

    uid: str
    dn: str
    login: str
    name: str
    email: str
    enabled: bool
    groups: tuple[str, ...] = ()
    fields: dict[str, list[str]] = field(default_factory=dict)


def wanted(kind: str, attributes: Attributes) -> list[str]:
    """Return the attributes to ask for."""
    own = ["memberOf", UID[kind]]
    if kind == ACTIVE_DIRECTORY:
        own += ["userAccountControl", "primaryGroupID"]
    asked = [*own, attributes.login, attributes.name, attributes.email, "cn", *attributes.fields]
    return list({name.lower(): name for name in asked}.values())


def uid_of(kind: str, found: Found) -> str:
    """Return what identifies an entry for good, or nothing when the directory does not tell."""
    if kind == ACTIVE_DIRECTORY:
        raw = next(iter(found.values.get("objectguid", ())), b"")
        return str(UUID(bytes_le=bytes(raw))) if len(raw) == 16 else ""
    return found.text("entryUUID").lower()[:64]


def uid_filter(kind: str, uid: str) -> str:
    """Return the filter that finds the entry with this identity. Whatever the text, it finds that or nothing."""
    if kind == ACTIVE_DIRECTORY:
        return "(objectGUID=" + "".join(f"\\{byte:02x}" for byte in UUID(uid).bytes_le) + ")"
    return f"(entryUUID={escape(uid)})"


def escape(text: str) -> str:
    """Return a text as it may stand in a filter, where it means itself and nothing else (RFC 4515)."""
    return "".join(f"\\{ord(one):02x}" if one in "*()\\\0" else one for one in text)


def login_of(attributes: Attributes, found: Found) -> str:
    """Return the user name."""
    return found.text(attributes.login)


def primary_group(found: Found) -> int | None:
    """Return the number of the group that is in no list: Active Directory's primary group."""
    number = found.text("primaryGroupID")
    return int(number) if number.isdigit() else None


def number_of_group(found: Found) -> int | None:
    """Return the number by which people name a group as their primary one: the end of its security id."""
    sid = next(iter(found.values.get("objectsid", ())), b"")
    return int.from_bytes(sid[-4:], "little") if len(sid) >= 12 else None


def is_enabled(found: Found) -> bool:
    """Return whether Active Directory lets an account log in; who says nothing is not switched off."""
    control = found.text("userAccountControl")
    return not (control.lstrip("-").isdigit() and int(control) & DISABLED)


def read(kind: str, attributes: Attributes, found: Found, groups: list[str], enabled: bool) -> Person:
    """Return a person. What a directory leaves out is empty; the name is then the common name, or the user name."""
    login = login_of(attributes, found)
    return Person(
        uid=uid_of(kind, found),
        dn=found.dn,
        login=normal(login),
        name=" ".join((found.text(attributes.name) or found.text("cn") or login).split())[:200],
        email=found.text(attributes.email).strip(),
        enabled=enabled,
        groups=tuple(groups),
        fields={
            name.lower(): values
            for name in attributes.fields
            if (values := sorted(value[:LONGEST_VALUE] for value in found.texts(name))[:MOST_VALUES])
        },
    )
