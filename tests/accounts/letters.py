"""Letters that hand somebody over, and the clocks of the servers that write them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from posthouse.accounts import handover
from posthouse.accounts.models import User
from posthouse.cluster import calls, letters, servers
from posthouse.cluster.errors import NoConnection
from posthouse.cluster.transport import Reply
from tests.cluster.conftest import Signer
from tests.cluster.fake import Call, FakeNetwork
from tests.conftest import PASSWORD

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TOKYO = "https://tokyo.example"


@dataclass
class Clock(FakeNetwork):
    """A network on which every server tells its time, which differs from here by `ahead` seconds."""

    ahead: float = 0
    away: bool = False
    asked: list[str] = field(default_factory=list)

    def answer(self, call: Call) -> Reply:
        self.asked.append(call.target)
        if self.away:
            raise NoConnection("Nothing answers.")
        return Reply(200, {}, json.dumps({"clock": timezone.now().timestamp() + self.ahead}).encode())


@pytest.fixture(autouse=True)
def clock() -> Iterator[Clock]:
    """The clocks of the other servers."""
    network = Clock()
    with calls.through(network):
        yield network


def letter(signer: Signer, user: User, purpose: str = handover.PURPOSE, asked: str = "", **other: Any) -> str:
    """What tokyo would write about a user whose password it has found to be right, or something else."""
    content = handover.content(user, asked) | other
    return letters.write_as(signer.server.id, signer.key, servers.this().id, purpose, content)


def bring(client: Client, text: str, origin: str | None = TOKYO) -> HttpResponse:
    """Press the button on tokyo's page."""
    headers = {} if origin is None else {"Origin": origin}
    return client.post(reverse("accounts:arrive"), {"letter": text}, headers=headers, secure=True)


def is_in(client: Client) -> bool:
    return client.get(reverse("accounts:me"), secure=True).status_code == 200


def log_in(client: Client, login: str, **more: str) -> HttpResponse:
    return client.post(reverse("accounts:login"), {"username": login, "password": PASSWORD, **more}, secure=True)


def letter_on(page: HttpResponse) -> str:
    found = re.search(r'name="letter" value="([^"]+)"', page.content.decode())
    assert found, page.content
    return found[1]
