"""What people type for an address is understood, or told how to type it."""

from __future__ import annotations

import pytest

from posthouse.cluster import addresses
from posthouse.cluster.addresses import Address, BadAddress


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("paris.example", Address("paris.example", 443)),
        (" Paris.Example. ", Address("paris.example", 443)),
        ("192.0.2.7", Address("192.0.2.7", 443)),
        ("192.0.2.7:8443", Address("192.0.2.7", 8443)),
        ("2001:db8::7", Address("2001:db8::7", 443)),
        ("[2001:db8::7]:8443", Address("2001:db8::7", 8443)),
        ("[2001:db8::7]", Address("2001:db8::7", 443)),
        ("https://paris.example:8443/aspera/faspex/", Address("paris.example", 8443, "/aspera/faspex")),
        ("HTTPS://paris.example/", Address("paris.example", 443)),
        ("paris.example/post", Address("paris.example", 443, "/post")),
    ],
)
def test_a_line_that_people_type_is_understood(typed: str, meant: Address) -> None:
    assert addresses.whole(typed) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "https://",
        "http://paris.example",
        "paris example",
        "paris.example:",
        "paris.example:0",
        "paris.example:65536",
        "paris.example:000443999999",
        "paris.example:²",
        "paris..example",
        "-paris.example",
        "par\u0131s.example",
        "999.0.0.1",
        "[::1",
        "a@b",
        "ftp://x",
        "x" * 64,
        ".".join(["x" * 60] * 5),
    ],
)
def test_what_is_no_address_is_refused_with_a_sentence(typed: str) -> None:
    with pytest.raises(BadAddress, match=r"\.$"):
        addresses.whole(typed)
