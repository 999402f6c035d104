"""TLS certificates: the pin of a self-made one, and whether certificate authorities stand for it."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from django.conf import settings

from posthouse.cluster import sockets, unreachable

TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Certificate:
    """What a server showed when it was called on."""

    pin: str
    """SHA-256 of the certificate, hex."""
    problem: str = ""
    """Why no certificate authority known here stands for it; empty: one does."""


def fetch(host: str, port: int, timeout: float = TIMEOUT_SECONDS) -> Certificate:
    """Return the certificate that answers at an address. Raises CallError when nothing does."""
    try:
        try:
            return Certificate(_show(host, port, timeout, ssl.create_default_context()))
        except ssl.SSLCertVerificationError as error:
            anything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            anything.check_hostname = False
            anything.verify_mode = ssl.CERT_NONE
            return Certificate(_show(host, port, timeout, anything), error.verify_message)
    except OSError as error:
        raise unreachable.explain(error, host, port) from error


def own_pin() -> str:
    """Return the pin that others need for this server's certificate; empty when certificate authorities stand for it,
    or when no certificate was made yet.
    """
    path: Path = settings.POSTHOUSE.certificate
    if not path.is_file():
        return ""
    return _own_pin(path, path.stat().st_mtime_ns, settings.POSTHOUSE.host)


def own_fingerprint() -> str:
    """Return the SHA-256 of this server's certificate, hex; empty when none was made yet."""
    path: Path = settings.POSTHOUSE.certificate
    return _pin(_chain(path)[0]) if path.is_file() else ""


def _show(host: str, port: int, timeout: float, context: ssl.SSLContext) -> str:
    with (
        sockets.connect_plain(host, port, settings.POSTHOUSE.proxy, timeout) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        return hashlib.sha256(secure.getpeercert(binary_form=True) or b"").hexdigest()


@cache
def _own_pin(path: Path, _changed: int, host: str) -> str:
    leaf, *between = _chain(path)
    return "" if _vouched_for(leaf, between, host) else _pin(leaf)


def _chain(path: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(path.read_bytes())


def _pin(certificate: x509.Certificate) -> str:
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def _vouched_for(leaf: x509.Certificate, between: list[x509.Certificate], host: str) -> bool:
    """Whether the certificate authorities that this machine knows stand for it."""
    if leaf.issuer == leaf.subject:
        return False
    authorities = ssl.create_default_context().get_ca_certs(binary_form=True)
    if not authorities:
        return False
    try:
        subject: x509.IPAddress | x509.DNSName = x509.IPAddress(ip_address(host))
    except ValueError:
        subject = x509.DNSName(host)
    store = Store([x509.load_der_x509_certificate(authority) for authority in authorities])
    try:
        PolicyBuilder().store(store).build_server_verifier(subject).verify(leaf, between)
    except VerificationError:
        return False
    return True
