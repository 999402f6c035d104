"""The files that a server cannot do without, looked at before anything is loaded from them."""

from __future__ import annotations

import os
import ssl
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from posthouse.config.options import Options

EXPIRES_SOON = timedelta(days=21)
INIT = "Run `posthouse init`: it makes what is missing and overwrites nothing."


@dataclass(frozen=True)
class Problem:
    """Something that is wrong, and what to do about it. A serious one keeps the server from working."""

    id: str
    sentence: str
    cure: str
    serious: bool = True


def problems(options: Options, now: datetime | None = None) -> list[Problem]:
    """Return what is wrong with the data folder, the keys and the certificate, in the order to mend it."""
    if not options.data_dir.is_dir():
        return [Problem("E001", f"There is no data folder {options.data_dir}.", INIT)]
    return [
        *_folders(options),
        *_secret("E003", "secret key", options.secret),
        *_secret("E004", "identity key", options.identity),
        *_identity(options.identity),
        *_certificate(options, now or datetime.now(UTC)),
    ]


def _folders(options: Options) -> Iterator[Problem]:
    mode = stat.S_IMODE(options.data_dir.stat().st_mode)
    if mode & 0o077:
        yield Problem(
            "W001",
            f"Other users of this machine may look into the data folder {options.data_dir} (mode {mode:04o}).",
            f"Run `chmod 700 {options.data_dir}`.",
            serious=False,
        )
    for folder in {options.data_dir, options.store}:
        if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
            yield Problem(
                "E002",
                f"The folder {folder} cannot be written to.",
                "Run Posthouse as the user that owns it, or give it to that user with chown.",
            )


def _secret(number: str, name: str, path: Path) -> Iterator[Problem]:
    try:
        if not path.read_bytes().strip():
            yield Problem(number, f"The {name} {path} is empty.", "Put it back from a backup.")
            return
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        yield Problem(number, f"There is no {name} {path}.", INIT)
        return
    except OSError as error:
        yield Problem(number, f"The {name} {path} cannot be read: {error.strerror}.", "Give it to the right user.")
        return
    if mode & 0o077:
        yield Problem(
            number.replace("E", "W"),
            f"Other users of this machine can read the {name} {path} (mode {mode:04o}).",
            f"Run `chmod 600 {path}`.",
            serious=False,
        )


def _identity(path: Path) -> Iterator[Problem]:
    try:
        pem = path.read_bytes().strip()
    except OSError:
        return  # said already
    try:
        if pem:
            serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        yield Problem("E004", f"The identity key {path} is damaged.", "Put it back from a backup of this server.")


def _certificate(options: Options, now: datetime) -> Iterator[Problem]:
    chain, key = options.certificate, options.certificate_key
    for path in (chain, key):
        if not path.is_file():
            yield Problem("E005", f"There is no TLS file {path}.", INIT)
            return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, key, password=_no_password)
        certificate = x509.load_pem_x509_certificate(chain.read_bytes())
    except (ssl.SSLError, ValueError, OSError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error)
        yield Problem(
            "E006",
            f"The TLS certificate {chain} cannot be used with the key {key}: {reason}.",
            "Both must be readable PEM files that belong together, the key without a password.",
        )
        return
    yield from _validity(chain, certificate, options.host, now)


def _no_password() -> str:
    raise ValueError("the key is protected by a password")


def _validity(path: Path, certificate: x509.Certificate, host: str, now: datetime) -> Iterator[Problem]:
    renew = "Put a new certificate in its place and restart Posthouse."
    end = certificate.not_valid_after_utc
    if end <= now:
        yield Problem("E007", f"The TLS certificate {path} ended on {end:%Y-%m-%d}.", renew)
    elif end - now < EXPIRES_SOON:
        yield Problem("W007", f"The TLS certificate {path} ends on {end:%Y-%m-%d}.", renew, serious=False)
    if not certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        yield Problem(
            "W008", f"The TLS certificate {path} has no common name: some clients refuse it.", renew, serious=False
        )
    if host not in _names(certificate):
        yield Problem(
            "W009",
            f"The TLS certificate {path} does not name the host {host}: browsers will warn.",
            renew,
            serious=False,
        )


def _names(certificate: x509.Certificate) -> set[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    found = set(names.get_values_for_type(x509.DNSName))
    return found | {str(address) for address in names.get_values_for_type(x509.IPAddress)}
