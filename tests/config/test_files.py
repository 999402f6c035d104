"""What is wrong with a server's files is named, with its cure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from posthouse.cli import certificates
from posthouse.config import files
from posthouse.config.options import Options

NOW = datetime(2026, 11, 23, tzinfo=UTC)
HOST = "paris.example"


@pytest.fixture
def options(tmp_path: Path) -> Options:
    """The options of a server whose files are all well."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    options = Options(data_dir=folder, host=HOST)
    options.store.mkdir()
    _secret(options.secret, b"s" * 64)
    key = Ed25519PrivateKey.generate()
    _secret(
        options.identity,
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    _tls(options, *certificates.self_made(HOST, NOW))
    return options


def _secret(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)


def _tls(options: Options, certificate: bytes, key: bytes) -> None:
    options.certificate.write_bytes(certificate)
    _secret(options.certificate_key, key)


def _numbers(options: Options, now: datetime = NOW) -> list[str]:
    return [problem.id for problem in files.problems(options, now)]


def test_a_server_whose_files_are_well_has_no_problem(options: Options) -> None:
    assert files.problems(options, NOW) == []


def test_without_a_data_folder_there_is_one_problem_and_its_cure(tmp_path: Path) -> None:
    (problem,) = files.problems(Options(data_dir=tmp_path / "none"), NOW)
    assert problem.serious
    assert "posthouse init" in problem.cure


def test_a_missing_secret_is_serious(options: Options) -> None:
    options.secret.unlink()
    assert _numbers(options) == ["E003"]


def test_an_empty_secret_is_serious(options: Options) -> None:
    options.secret.write_bytes(b"\n")
    assert _numbers(options) == ["E003"]


def test_a_damaged_identity_key_is_serious(options: Options) -> None:
    _secret(options.identity, b"-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n")
    assert _numbers(options) == ["E004"]


def test_keys_that_others_can_read_are_a_warning(options: Options) -> None:
    options.identity.chmod(0o644)
    (problem,) = files.problems(options, NOW)
    assert not problem.serious
    assert f"chmod 600 {options.identity}" in problem.cure


def test_a_data_folder_that_others_may_enter_is_a_warning(options: Options) -> None:
    options.data_dir.chmod(0o755)
    assert _numbers(options) == ["W001"]


def test_a_certificate_without_its_own_key_is_serious(options: Options) -> None:
    certificate, _ = certificates.self_made(HOST, NOW)
    options.certificate.write_bytes(certificate)
    assert _numbers(options) == ["E006"]


def test_a_key_with_a_password_is_serious_and_asks_nobody(options: Options) -> None:
    certificate, key = certificates.self_made(HOST, NOW)
    locked = serialization.load_pem_private_key(key, None).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )
    _tls(options, certificate, locked)
    assert _numbers(options) == ["E006"]


@pytest.mark.parametrize(
    ("now", "number"),
    [
        (NOW + certificates.VALID - timedelta(days=30), []),
        (NOW + certificates.VALID - timedelta(days=20), ["W007"]),
        (NOW + certificates.VALID + timedelta(seconds=1), ["E007"]),
    ],
)
def test_the_end_of_a_certificate_is_told_before_it_comes(options: Options, now: datetime, number: list[str]) -> None:
    assert _numbers(options, now) == number


def test_a_certificate_for_another_host_is_a_warning(options: Options) -> None:
    _tls(options, *certificates.self_made("tokyo.example", NOW))
    assert _numbers(options) == ["W009"]
