"""What is read of a directory: a connection's settings with everything filled in that was left out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from posthouse.directory import dn
from posthouse.directory.people import ACTIVE_DIRECTORY, LDAP, Attributes

STANDARD_FIELDS = (
    "department",
    "company",
    "title",
    "l",
    "st",
    "co",
    "physicalDeliveryOfficeName",
    "telephoneNumber",
    "employeeType",
    "departmentNumber",
    "ou",
)
"""Kept for rules unless others are named."""

STANDARD: dict[str, tuple[tuple[str, str, str], Attributes]] = {
    ACTIVE_DIRECTORY: (
        ("(&(objectCategory=person)(objectClass=user))", "(objectClass=group)", ""),
        Attributes("sAMAccountName", "displayName", "mail", STANDARD_FIELDS),
    ),
    LDAP: (
        (
            "(objectClass=inetOrgPerson)",
            "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))",
            "(|(pwdAccountLockedTime=000001010000Z)(nsAccountLock=TRUE))",
        ),
        Attributes("uid", "displayName", "mail", STANDARD_FIELDS),
    ),
}
"""Filters for people, for groups and for people who are switched off; and attributes."""


@dataclass(frozen=True)
class Plan:
    """What is read, and who of it counts."""

    kind: str
    bases: tuple[str, ...]
    below: tuple[str, ...]
    within: tuple[str, ...]
    person_filter: str
    group_filter: str
    disabled_filter: str
    attributes: Attributes

    @classmethod
    def of(
        cls,
        kind: str,
        *,
        bases: Sequence[str],
        below: Sequence[str] = (),
        within: Sequence[str] = (),
        filters: tuple[str, str, str] = ("", "", ""),
        attributes: Attributes,
    ) -> Plan:
        """Return a plan whose gaps are filled with what is usual."""
        usual, names = STANDARD[kind]
        person, group, disabled = (given.strip() or standard for given, standard in zip(filters, usual, strict=True))
        chosen = Attributes(
            attributes.login.strip() or names.login,
            attributes.name.strip() or names.name,
            attributes.email.strip() or names.email,
            attributes.fields or names.fields,
        )
        return cls(kind, tuple(bases), tuple(below), tuple(within), person, group, disabled, chosen)

    @property
    def people_bases(self) -> tuple[str, ...]:
        """Where people are looked for: only below what was chosen, unless groups were chosen too."""
        return self.below if self.below and not self.within else self.bases

    def takes(self, person_dn: str, groups: frozenset[str], chosen_groups: frozenset[str]) -> bool:
        """Return whether a person is imported: all are, unless places or groups were chosen."""
        if not self.below and not self.within:
            return True
        here = dn.canonical(person_dn)
        return bool(groups & chosen_groups) or any(dn.is_below(here, dn.canonical(each)) for each in self.below)


def lines(text: str) -> list[str]:
    """Return the lines of a text that say something."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def both(first: str, second: str) -> str:
    """Return the filter for what two filters match."""
    return f"(&{first}{second})"
