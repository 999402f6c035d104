"""The self-made certificate is one that clients accept once they trust it."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from posthouse.cli.certificates import VALID, self_made

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize("host", ["paris.example", "192.0.2.7", "2001:db8::1"])
def test_it_names_the_host_twice(host: str) -> None:
    """As alternative name for browsers, and as common name for LDAP libraries that refuse one without."""
    certificate = x509.load_pem_x509_certificate(self_made(host, NOW)[0])
    (common,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert common.value == host
    assert [str(name.value) for name in names] == [host]


def test_a_name_in_other_letters_is_written_as_the_network_writes_it() -> None:
    certificate = x509.load_pem_x509_certificate(self_made("köln.example", NOW)[0])
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["xn--kln-sna.example"]


def test_it_lasts_ten_years_and_holds_for_a_clock_that_is_late() -> None:
    certificate = x509.load_pem_x509_certificate(self_made("paris.example", NOW)[0])
    assert certificate.not_valid_before_utc == NOW - timedelta(days=1)
    assert certificate.not_valid_after_utc == NOW + VALID


def test_the_key_is_its_own_and_on_the_curve_that_all_clients_know(tmp_path: object) -> None:
    certificate, key = self_made("paris.example")
    chain, private = f"{tmp_path}/c.pem", f"{tmp_path}/k.pem"
    for path, content in ((chain, certificate), (private, key)):
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(content)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, private)
    public = x509.load_pem_x509_certificate(certificate).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert public.curve.name == "secp256r1"
