"""A licence says what its issuer has signed, and nothing else is taken for one."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from posthouse.licensing import tokens
from posthouse.licensing.tokens import BadLicence, Terms

KEY = Ed25519PrivateKey.generate()
ISSUERS = [KEY.public_key()]
TERMS = Terms(
    serial="2026-0001",
    licensee="Example Films, Paris",
    server=UUID(int=7),
    multi_server=True,
    seats=25,
    begins=datetime(2026, 1, 1, tzinfo=UTC),
    ends=datetime(2027, 1, 1, tzinfo=UTC),
    issued=datetime(2025, 12, 20, tzinfo=UTC),
)


def encode(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def forge(header: Any, claims: Any, key: Ed25519PrivateKey = KEY) -> str:
    signed = f"{encode(header)}.{encode(claims)}"
    return f"{signed}.{base64.urlsafe_b64encode(key.sign(signed.encode())).decode().rstrip('=')}"


def claims() -> dict[str, Any]:
    body = tokens.write(TERMS, KEY).split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=="))
    return found


texts = st.text(min_size=1, max_size=60).filter(lambda text: text.isprintable() and text == text.strip())
moments = st.integers(0, 2**33).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(
    st.builds(
        Terms,
        serial=texts,
        licensee=texts,
        server=st.none() | st.uuids(),
        multi_server=st.booleans(),
        seats=st.none() | st.integers(0, tokens.MOST_SEATS),
        begins=moments,
        ends=moments,
        issued=moments,
    )
)
def test_what_was_written_is_read(terms: Terms) -> None:
    assert tokens.read(tokens.write(terms, KEY), ISSUERS) == terms


def test_a_line_that_a_mail_program_has_broken_is_read() -> None:
    token = tokens.write(TERMS, KEY)
    broken = "\r\n ".join(token[at : at + 60] for at in range(0, len(token), 60))
    assert tokens.read(f"\n{broken}\n", ISSUERS) == TERMS


def test_another_issuer_is_not_trusted_and_one_of_several_is() -> None:
    other = Ed25519PrivateKey.generate()
    with pytest.raises(BadLicence, match="issuer is not one that this server trusts"):
        tokens.read(tokens.write(TERMS, other), ISSUERS)
    assert tokens.read(tokens.write(TERMS, KEY), [other.public_key(), *ISSUERS]) == TERMS


def test_no_bit_of_a_licence_can_be_changed() -> None:
    token = tokens.write(TERMS, KEY)
    for at in range(len(token)):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        try:
            found = tokens.read(changed, ISSUERS)
        except BadLicence:
            continue
        # The last character of base64 carries bits that stand for nothing.
        assert found == TERMS
        assert at == len(token) - 1


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "typ": "posthouse-licence"},
        {"alg": "HS256", "typ": "posthouse-licence"},
        {"alg": "EdDSA", "typ": "JWT"},
        {"alg": "EdDSA"},
        {"alg": "EdDSA", "typ": "posthouse-licence", "crit": ["exp"]},
        {"alg": "EdDSA", "typ": "posthouse-licence", "jwk": {}},
        [],
        None,
    ],
)
def test_only_the_one_header_is_accepted(header: Any) -> None:
    with pytest.raises(BadLicence, match="no licence for Posthouse"):
        tokens.read(forge(header, claims()), ISSUERS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("jti", ""),
        ("jti", "x" * 61),
        ("jti", "two\nlines"),
        ("sub", None),
        ("sub", " spaces "),
        ("aud", "paris"),
        ("nbf", "2026-01-01"),
        ("exp", 10**30),
        ("exp", True),
        ("iat", None),
        ("multi_server", 1),
        ("multi_server", "yes"),
        ("seats", -1),
        ("seats", 1.5),
        ("seats", True),
        ("seats", "25"),
        ("seats", 10**12),
    ],
)
def test_a_signed_text_that_makes_no_sense_is_refused(name: str, value: Any) -> None:
    with pytest.raises(BadLicence, match="does not understand"):
        tokens.read(forge(tokens.HEADER, claims() | {name: value}), ISSUERS)


def test_what_a_later_version_adds_is_passed_over() -> None:
    assert tokens.read(forge(tokens.HEADER, claims() | {"colour": "blue"}), ISSUERS) == TERMS


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "a.b", "....", "é.é.é", "A" * 5000, "[[[[.[[[[.[[[["])
def test_other_texts_are_no_licences(text: str) -> None:
    with pytest.raises(BadLicence):
        tokens.read(text, ISSUERS)


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    with pytest.raises(BadLicence):
        tokens.read(text, ISSUERS)


def test_an_issuer_cannot_write_what_nobody_could_read() -> None:
    with pytest.raises(BadLicence):
        tokens.write(replace(TERMS, licensee=""), KEY)
    with pytest.raises(BadLicence):
        tokens.write(replace(TERMS, seats=-5), KEY)


def test_issuers_are_separated_by_anything() -> None:
    texts = [tokens.text_of(Ed25519PrivateKey.generate().public_key()) for _ in range(3)]
    found = tokens.load_issuers(f" {texts[0]}, {texts[1]}\n{texts[2]}\n")
    assert [tokens.text_of(key) for key in found] == texts
    with pytest.raises(ValueError, match="no public key"):
        tokens.load_issuers("paris")


def test_a_licence_for_any_server_names_none() -> None:
    terms = replace(TERMS, server=None, ends=TERMS.ends + timedelta(days=1))
    assert tokens.read(tokens.write(terms, KEY), ISSUERS).server is None
    assert tokens.read(tokens.write(replace(terms, server=uuid4()), KEY), ISSUERS).server is not None
