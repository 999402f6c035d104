"""Settings: from the file, from the environment, and refused with a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from posthouse.config.options import CONFIG_VARIABLE, Options


@pytest.fixture
def toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file in force, and no setting in the environment."""
    for name in Options.model_fields:
        monkeypatch.delenv(f"POSTHOUSE_{name.upper()}", raising=False)
    path = tmp_path / "posthouse.toml"
    path.touch()
    monkeypatch.setenv(CONFIG_VARIABLE, str(path))
    return path


def test_the_environment_goes_before_the_file(toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toml.write_text('name = "from the file"\nhost = "file.example"\n')
    monkeypatch.setenv("POSTHOUSE_NAME", "from the environment")
    options = Options()
    assert (options.name, options.host) == ("from the environment", "file.example")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('nam = "paris"', "nam"),  # a misspelt setting is not passed over in silence
        ("port = 70000", "port"),
        ('namespace = "/a b"', "namespace"),
        ('namespace = "/a/../b"', "namespace"),
        ('tls_key = "key.pem"', "tls_certificate and tls_key go together"),
        ('digest = "md5"', "digest"),
        ('smtp_host = "mail.example"', "smtp_host needs mail_from"),
        ('mail_from = "posthouse"', "takes one e-mail address"),
        ('smtp_user = "paris"', "smtp_user and smtp_password_file go together"),
        (
            'smtp_user = "paris"\nsmtp_password_file = "password"\nsmtp_security = "none"',
            "a password must not travel in the open",
        ),
    ],
)
def test_a_wrong_setting_is_refused_by_name(toml: Path, text: str, wrong: str) -> None:
    toml.write_text(text)
    with pytest.raises(ValidationError, match=wrong):
        Options()


@pytest.mark.parametrize(
    ("given", "namespace", "prefix"),
    [
        ("/aspera/faspex", "/aspera/faspex", "/aspera/faspex"),
        ("aspera/faspex/", "/aspera/faspex", "/aspera/faspex"),
        ("/", "/", ""),
        ("", "/", ""),
    ],
)
def test_the_namespace_has_one_form_however_it_is_written(given: str, namespace: str, prefix: str) -> None:
    options = Options(namespace=given)
    assert (options.namespace, options.prefix) == (namespace, prefix)


@pytest.mark.parametrize(
    ("host", "port", "address"),
    [
        ("paris.example", 443, "https://paris.example/aspera/faspex/"),
        ("paris.example", 8443, "https://paris.example:8443/aspera/faspex/"),
        ("2001:db8::1", 8443, "https://[2001:db8::1]:8443/aspera/faspex/"),
    ],
)
def test_the_address_is_what_a_browser_takes(host: str, port: int, address: str) -> None:
    assert Options(host=host, port=port).address == address


@pytest.mark.parametrize(("security", "port"), [("none", 25), ("starttls", 587), ("tls", 465)])
def test_the_port_of_the_mail_server_follows_from_how_the_line_is_secured(security: Any, port: int) -> None:
    assert Options(smtp_security=security).mail_port == port
    assert Options(smtp_security=security, smtp_port=2525).mail_port == 2525


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, field in Options.model_fields.items() if not field.description] == []


def test_the_reference_lists_every_setting_with_its_default() -> None:
    page = Path(__file__).parents[2].joinpath("docs/reference/settings.md").read_text()
    for name, field in Options.model_fields.items():
        assert f"| `{name}` |" in page, f"docs/reference/settings.md does not explain {name}"
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        default = str(field.default).lower() if isinstance(field.default, bool) else field.default
        shown = "| |" if default is None else f"| `{default}` |"
        assert shown in row, f"the default of {name} differs"
