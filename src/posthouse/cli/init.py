"""`posthouse init`: everything a new server needs, each piece made only if it is missing."""

from __future__ import annotations

import getpass
import os
import secrets
import socket
import textwrap
from collections.abc import Iterator
from pathlib import Path

from posthouse.cli import certificates, ready
from posthouse.cli.errors import Stop
from posthouse.config.options import CONFIG_VARIABLE, DEFAULT_CONFIG, Options, config_file


def init(answers: dict[str, object]) -> Iterator[str]:
    """Make what is missing and yield a line for each thing that was made. `answers` are settings given by the person.

    The settings file and every key are written once and never again: a second run completes what a first one left
    undone. Settings for a file that exists already are refused, because they would be ignored.
    """
    path = config_file() or DEFAULT_CONFIG
    os.environ[CONFIG_VARIABLE] = str(path)
    if path.is_file():
        if answers:
            raise Stop(f"{path} exists already and is not overwritten. Change the settings in it.", 2)
    else:
        _write_new(path, toml(_completed(path, answers)).encode(), 0o640)
        yield f"Wrote the settings to {path}"
    options = ready.options()
    yield from _files(options)
    yield from _database(options)


def _completed(path: Path, answers: dict[str, object]) -> dict[str, object]:
    folder = Path("/var/lib/posthouse") if os.geteuid() == 0 else path.absolute().parent / "data"
    host = socket.getfqdn()
    return {"name": host.partition(".")[0], "host": host, "data_dir": str(folder)} | answers


def toml(values: dict[str, object]) -> str:
    """Return a settings file that holds `values`, and every other setting as a comment with its default."""
    lines = ["# The settings of this Posthouse server. Restart it after a change.", ""]
    for name, field in Options.model_fields.items():
        lines += textwrap.wrap(field.description or name, 100, initial_indent="# ", subsequent_indent="# ")
        value = values.get(name)
        if value is not None:
            lines.append(f"{name} = {_literal(value)}")
        elif field.default is not None:
            lines.append(f"# {name} = {_literal(field.default)}")
        else:
            lines.append(f"# {name} =")
        lines.append("")
    return "\n".join(lines)


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _files(options: Options) -> Iterator[str]:
    if not options.data_dir.is_dir():
        try:
            options.data_dir.mkdir(mode=0o700, parents=True)
        except OSError as error:
            raise Stop(
                f"The data folder {options.data_dir} cannot be made: {error.strerror}. Run this as a user who may, "
                f"or make it and give it to {getpass.getuser()}."
            ) from error
        yield f"Made the data folder {options.data_dir}"
    options.store.mkdir(mode=0o700, exist_ok=True, parents=True)
    if not options.secret.exists():
        _write_new(options.secret, secrets.token_urlsafe(64).encode() + b"\n", 0o600)
        yield "Made the secret key"
    if options.tls_certificate is None and not options.certificate.exists():
        certificate, key = certificates.self_made(options.host)
        # The key first: a certificate without its key would stop a second run from completing this.
        options.certificate_key.unlink(missing_ok=True)
        _write_new(options.certificate_key, key, 0o600)
        _write_new(options.certificate, certificate, 0o644)
        yield f"Made a TLS certificate for {options.host}"


def _database(options: Options) -> Iterator[str]:
    ready.setup(options)
    from posthouse.cli.serve import prepare
    from posthouse.cluster import identity

    if not options.identity.exists():
        identity.ensure()
        yield f"Made the identity key, fingerprint {identity.fingerprint(identity.public_key())}"
    prepare()
    yield "The database is up to date"


def _write_new(path: Path, content: bytes, mode: int) -> None:
    """Write a file that did not exist, whole or not at all."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    try:
        # Opened by its number: a Path can neither be made with a mode nor insist on being new.
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:  # noqa: PTH123
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)  # unlike a rename, this never replaces
    except FileExistsError as error:
        raise Stop(f"{path} exists already and is not overwritten.") from error
    except OSError as error:
        raise Stop(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        temporary.unlink(missing_ok=True)
