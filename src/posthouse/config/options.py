"""Every setting of a server: its meaning, unit and default, from one TOML file with the environment over it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from pydantic import Field, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

CONFIG_VARIABLE = "POSTHOUSE_CONFIG"
DEFAULT_CONFIG = Path("posthouse.toml")
PLACES = (DEFAULT_CONFIG, Path("/etc/posthouse/posthouse.toml"))


def config_file() -> Path | None:
    """Return the TOML file in force: the one that POSTHOUSE_CONFIG names, else the first that exists in PLACES."""
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    return next((place for place in PLACES if place.is_file()), None)


class Options(BaseSettings):
    """The settings of one server. A field `x` is `x = …` in the TOML file and POSTHOUSE_X in the environment."""

    model_config = SettingsConfigDict(
        env_prefix="POSTHOUSE_", extra="forbid", env_ignore_empty=True, use_attribute_docstrings=True
    )

    name: str = Field(default="posthouse", min_length=1, max_length=60)
    """What people call this server, as shown in the Server List."""
    host: str = Field(default="localhost", min_length=1, max_length=253)
    """Host name or IP address at which people and other servers reach this server."""
    port: int = Field(default=443, ge=1, le=65535)
    """HTTPS port at which they reach it."""
    namespace: str = "/aspera/faspex"
    """URL namespace: every page lies under it. "/" for none."""

    bind: str = "0.0.0.0"  # noqa: S104 - a server for others listens on all its addresses unless told otherwise
    """Address to listen on."""
    listen_port: int | None = Field(default=None, ge=1, le=65535)
    """Port to listen on, where a proxy or a firewall maps `port` to another one."""
    web_workers: int = Field(default=2, ge=1, le=64)
    """Processes that answer requests."""
    relay_workers: int = Field(default=4, ge=1, le=64)
    """Relays that run at the same time."""
    relay_days: int = Field(default=14, ge=1, le=365)
    """Days for which a relay is tried before it fails, and its sender and the administrators are told."""

    proxy: str | None = None
    """HTTP proxy through which other servers are called, as http://host:port (with user:password@ if it wants one)."""

    sync_seconds: int = Field(default=60, ge=5, le=86400)
    """Seconds between two automatic syncs of a slave when nothing changes; a change is sent at once."""
    sync_failures: int = Field(default=5, ge=0, le=1000)
    """Automatic syncs that may fail in a row before the slave is OUT OF SYNC."""

    data_dir: Path = Path("/var/lib/posthouse")
    """Folder of the database, the store, the keys and the certificate."""
    database_url: str | None = None
    """postgresql://user@host:5432/name, or nothing for SQLite in data_dir. Empty parts are taken from PG* variables."""
    database_password_file: Path | None = None
    """File that holds the database password, so that it stands in no URL."""
    store_dir: Path | None = None
    """Folder where package contents live (default: data_dir/store)."""

    tls_certificate: Path | None = None
    """PEM file with the certificate chain (default: the self-made data_dir/tls.crt)."""
    tls_key: Path | None = None
    """PEM file with its key (default: data_dir/tls.key)."""

    smtp_host: str | None = None
    """Host name of the mail server that takes this server's mails; without one they wait at Server > Outgoing mail."""
    smtp_port: int | None = Field(default=None, ge=1, le=65535)
    """Its port (default: 587; 465 with smtp_security tls, 25 with none)."""
    smtp_security: Literal["none", "starttls", "tls"] = "starttls"
    """How the line to it is secured: starttls, tls from the first byte on, or none."""
    smtp_user: str | None = None
    """User name at the mail server, if it wants one. Needs a secured line."""
    smtp_password_file: Path | None = None
    """File that holds the password of smtp_user."""
    mail_from: str | None = None
    """E-mail address that this server's mails come from."""

    licence_issuer: str | None = None
    """Public key of the licence issuer, as `posthouse licence issue` shows it; several with spaces between. Without one
    the server needs no licence: everything is on."""
    licence_issuer_file: Path | None = None
    """File that holds the public keys instead."""

    session_minutes: int = Field(default=60, ge=1, le=10080)
    """Minutes without a request after which somebody must log in again, unless the Security page says otherwise."""
    upload_days: int = Field(default=7, ge=1, le=365)
    """Days without progress after which an unfinished upload is given up."""
    digest: Literal["blake3", "sha256"] = "blake3"
    """Digest of parts and files; sha256 where FIPS 140 binds."""
    log: Literal["text", "json"] | None = None
    """Form of the log lines (default: text on a terminal, else json)."""
    debug: bool = False
    """Show error details in the browser. Never on a server that others reach."""

    @field_validator("namespace")
    @classmethod
    def _plain_namespace(cls, value: str) -> str:
        parts = [part for part in value.split("/") if part]
        for part in parts:
            if not all(c.isascii() and (c.isalnum() or c in "-_.") for c in part) or part in {".", ".."}:
                raise ValueError("takes letters, digits, - _ . and / only, for example /aspera/faspex")
        return "/" + "/".join(parts)

    @field_validator("proxy")
    @classmethod
    def _plain_proxy(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme != "http" or not parts.hostname or parts.path.strip("/"):
                raise ValueError("takes the address of an HTTP proxy, for example http://proxy.example.com:3128")
        return value

    @field_validator("mail_from")
    @classmethod
    def _plain_address(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                validate_email(value)
            except ValidationError as error:
                raise ValueError("takes one e-mail address, for example posthouse@example.com") from error
        return value

    @model_validator(mode="after")
    def _mail_server_with_sender(self) -> Options:
        if self.smtp_host is not None and self.mail_from is None:
            raise ValueError("smtp_host needs mail_from: the address that mails come from")
        if (self.smtp_user is None) != (self.smtp_password_file is None):
            raise ValueError("smtp_user and smtp_password_file go together: set both, or neither")
        if self.smtp_user is not None and self.smtp_security == "none":
            raise ValueError("smtp_user needs smtp_security starttls or tls: a password must not travel in the open")
        return self

    @model_validator(mode="after")
    def _readable_licence_issuer(self) -> Options:
        if self.licence_issuer_file is not None:
            if self.licence_issuer is not None:
                raise ValueError("licence_issuer and licence_issuer_file say the same: set one of them")
            try:
                self.licence_issuer = self.licence_issuer_file.read_text()
            except (OSError, UnicodeDecodeError) as error:
                raise ValueError(f"licence_issuer_file {self.licence_issuer_file} cannot be read") from error
        if self.licence_issuer is not None:
            from posthouse.licensing.tokens import load_issuers

            load_issuers(self.licence_issuer)
        return self

    @model_validator(mode="after")
    def _certificate_with_key(self) -> Options:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together: set both, or neither")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic names them
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the environment above the TOML file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file())

    @property
    def prefix(self) -> str:
        """The namespace without a slash at its end: "/aspera/faspex", or "" for none."""
        return self.namespace.rstrip("/")

    @property
    def store(self) -> Path:
        """The folder of the local store."""
        return self.store_dir or self.data_dir / "store"

    @property
    def certificate(self) -> Path:
        """The PEM file with the certificate chain that is served."""
        return self.tls_certificate or self.data_dir / "tls.crt"

    @property
    def certificate_key(self) -> Path:
        """The PEM file with its key."""
        return self.tls_key or self.data_dir / "tls.key"

    @property
    def identity(self) -> Path:
        """The file with this server's Ed25519 identity key."""
        return self.data_dir / "identity.key"

    @property
    def secret(self) -> Path:
        """The file with the secret that signs sessions and upload rights."""
        return self.data_dir / "secret.key"

    @property
    def origin(self) -> str:
        """The scheme, host and port at which people reach this server."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}" if self.port == 443 else f"https://{host}:{self.port}"

    @property
    def mail_port(self) -> int:
        """The port of the mail server."""
        return self.smtp_port or {"none": 25, "starttls": 587, "tls": 465}[self.smtp_security]

    @property
    def address(self) -> str:
        """The address of the first page."""
        return f"{self.origin}{self.prefix}/"
