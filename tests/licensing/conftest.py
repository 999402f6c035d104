"""An issuer of licences whom this server trusts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.utils import timezone

from posthouse.audit import log as audit
from posthouse.licensing import licences, tokens
from posthouse.licensing.tokens import Terms

Issue = Callable[..., str]


@pytest.fixture
def issue(monkeypatch: pytest.MonkeyPatch) -> Issue:
    """Return `issue(seats=…, …)`, which writes a licence; from now on this server needs one."""
    key = Ed25519PrivateKey.generate()
    monkeypatch.setattr(settings.POSTHOUSE, "licence_issuer", tokens.text_of(key.public_key()))
    now = timezone.now().replace(microsecond=0)

    def issue(**fields: Any) -> str:
        whole: dict[str, Any] = {
            "serial": "2026-1",
            "licensee": "Example Films",
            "server": None,
            "multi_server": True,
            "seats": None,
            "begins": now - timedelta(days=10),
            "ends": now + timedelta(days=100),
            "issued": now,
        }
        return tokens.write(Terms(**whole | fields), key)

    return issue


@pytest.fixture
def licensed(db: None, issue: Issue) -> Callable[..., Terms]:
    """Return `licensed(seats=…, …)`, which issues a licence and installs it."""
    return lambda **fields: licences.install(issue(**fields), audit.COMMAND_LINE)
