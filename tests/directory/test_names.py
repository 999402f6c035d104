"""Distinguished names in all their spellings, and filters into which nothing can be smuggled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.directory import dn, people
from posthouse.directory.ldap import check_filter


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CN=Anna,DC=example", "cn=anna, dc=Example"),
        ("CN=Müller\\, Jörg,DC=a", "cn=M\\C3\\BCller\\2C J\\c3\\b6rg,dc=a"),
        ('cn="Müller, Jörg",dc=a', "CN=müller\\, jörg , DC = a"),
        ("cn=a\\+b,dc=c", "cn=a\\2bb,dc=c"),
        ("cn=a\\\\b,dc=c", "cn=a\\5Cb,dc=c"),
        ("cn=a\\=b,dc=c", "cn=a=b,dc=c"),
    ],
)
def test_all_spellings_of_a_name_are_one(one: str, other: str) -> None:
    assert dn.canonical(one) == dn.canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cn=a\\,b,dc=c", "cn=a,cn=b,dc=c"),
        ("cn=a,dc=c", "cn=a,dc=d"),
        ("cn=a\\2cdc=b,dc=c", "cn=a,dc=b,dc=c"),
    ],
)
def test_different_names_stay_different(one: str, other: str) -> None:
    assert dn.canonical(one) != dn.canonical(other)


@pytest.mark.parametrize(
    ("entry", "base", "below"),
    [
        ("cn=a,ou=b,dc=c", "ou=b,dc=c", True),
        ("ou=b,dc=c", "OU=B, DC=C", True),
        ("cn=a,ou=bb,dc=c", "ou=b,dc=c", False),
        ("cn=x\\,ou=b,dc=c", "ou=b,dc=c", False),
        ("cn=a,dc=c", "", True),
    ],
)
def test_below_means_the_same_or_in_it(entry: str, base: str, below: bool) -> None:
    assert dn.is_below(dn.canonical(entry), dn.canonical(base)) == below


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("CN=a,DC=b", True),
        ("ou = a , dc=b", True),
        ("Sales", False),
        ("example.com", False),
        ("cn=", False),
        ("", False),
        ("cn=a,b", False),
    ],
)
def test_a_name_is_told_from_a_distinguished_one(text: str, is_one: bool) -> None:
    assert dn.looks_like_one(text) == is_one


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8), min_size=1, max_size=4))
def test_however_a_name_is_escaped_it_stays_the_same(values: list[str]) -> None:
    by_hex = ",".join("cn=" + "".join(f"\\{byte:02x}" for byte in value.encode()) for value in values)
    by_marks = ",".join(
        "cn=" + "".join(f"\\{one}" if one in ' ,+"\\<>;=#' else one for one in value) for value in values
    )
    if not any(value != value.strip() for value in values):
        assert dn.canonical(by_hex) == dn.canonical(by_marks)


@given(st.text())
def test_whatever_is_typed_means_itself_in_a_filter(text: str) -> None:
    escaped = people.escape(text)
    assert not set(escaped) & set("*()\0")
    check_filter(f"(uid={escaped or 'x'})")
