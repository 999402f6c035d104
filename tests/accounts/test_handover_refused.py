"""What is wrong with a hand-over is said, and nobody is let in by it (D3)."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from posthouse.accounts import handover
from posthouse.accounts.models import User
from posthouse.cluster import letters, servers
from posthouse.cluster.models import Server
from posthouse.licensing.models import Session
from tests.accounts.letters import bring, clock, letter
from tests.cluster.conftest import Signer
from tests.conftest import make_user
from tests.licensing.conftest import issue

__all__ = ["clock", "issue"]  # fixtures


def _inactive(signer: Signer, alice: User) -> str:
    text = letter(signer, alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    return text


def _removed_user(signer: Signer, alice: User) -> str:
    text = letter(signer, alice)
    User.objects.filter(pk=alice.pk).update(is_active=False, removed_at=timezone.now())
    return text


def _changed_password(signer: Signer, alice: User) -> str:
    text = letter(signer, alice)
    alice.set_password("quite another secret")
    alice.save()
    return text


def _moved(signer: Signer, alice: User) -> str:
    User.objects.filter(pk=alice.pk).update(home=signer.server)
    return letter(signer, alice)


def _administrator(signer: Signer, alice: User) -> str:
    User.objects.filter(pk=alice.pk).update(role=User.Role.ADMINISTRATOR)
    return letter(signer, alice)


def _local(signer: Signer, alice: User) -> str:
    User.objects.filter(pk=alice.pk).update(local=True)
    return letter(signer, alice)


def _stranger(signer: Signer, alice: User) -> str:
    return letter(signer, User(login="nobody", password=alice.password))


def _other_target(signer: Signer, alice: User) -> str:
    rio = Server.objects.create(name="rio", host="rio.example")
    return letters.write_as(signer.server.id, signer.key, rio.id, handover.PURPOSE, handover.content(alice))


def _unknown_issuer(signer: Signer, alice: User) -> str:
    unknown = Server(name="oslo", host="oslo.example")
    return letter(Signer(unknown, signer.key), alice)


def _issued_here(signer: Signer, alice: User) -> str:
    return letters.write(servers.this(), handover.PURPOSE, handover.content(alice))


def _removed_issuer(signer: Signer, alice: User) -> str:
    Server.objects.filter(pk=signer.server.pk).update(removed_at=timezone.now())
    return letter(signer, alice)


def _wrong_key(signer: Signer, alice: User) -> str:
    return letter(Signer(signer.server, Ed25519PrivateKey.generate()), alice)


def _other_purpose(signer: Signer, alice: User) -> str:
    return letter(signer, alice, purpose="something else")


def _tampered_user(signer: Signer, alice: User) -> str:
    other = make_user("dora", servers.this())
    body, _, signature = letter(signer, alice).partition(".")
    forged = base64.urlsafe_b64decode(body).replace(str(alice.pk).encode(), str(other.pk).encode())
    return f"{base64.urlsafe_b64encode(forged).decode()}.{signature}"


def _tampered_signature(signer: Signer, alice: User) -> str:
    text = letter(signer, alice)
    return text[:-6] + ("A" if text[-6] != "A" else "B") + text[-5:]


def _other_version(signer: Signer, alice: User) -> str:
    return letter(signer, alice, password=5)


def _reused(signer: Signer, alice: User) -> str:
    text = letter(signer, alice)
    assert bring(Client(), text).status_code == 302
    Session.objects.all().delete()
    return text


def _spent_on_a_refusal(signer: Signer, alice: User) -> str:
    text = letter(signer, alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert bring(Client(), text).status_code == 403
    User.objects.filter(pk=alice.pk).update(is_active=True)
    return text


REFUSED = [
    (_inactive, "not active"),
    (_removed_user, "does not have your account"),
    (_stranger, "does not have your account"),
    (_local, "does not have your account"),
    (_changed_password, "not have the same password"),
    (_moved, "Your home server is tokyo now"),
    (_administrator, "Administrators log in on each server"),
    (_other_target, "to another server than paris"),
    (_unknown_issuer, "does not know the server that sent you"),
    (_issued_here, "does not know the server that sent you"),
    (_removed_issuer, "no longer part of this cluster"),
    (_wrong_key, "damaged"),
    (_other_purpose, "damaged"),
    (_tampered_user, "damaged"),
    (_tampered_signature, "damaged"),
    (_other_version, "do not run the same version"),
    (_reused, "good for one time"),
    (_spent_on_a_refusal, "good for one time"),
]


@pytest.mark.parametrize(("make", "sentence"), REFUSED, ids=[make.__name__.strip("_") for make, _ in REFUSED])
def test_what_is_wrong_is_said_and_nobody_is_let_in(
    client: Client,
    signer: Signer,
    alice: User,
    make: Callable[[Signer, User], str],
    sentence: str,
) -> None:
    page = bring(client, make(signer, alice))
    assert page.status_code == 403
    assert sentence in page.content.decode()
    assert f'href="{reverse("accounts:login")}"' in page.content.decode()
    assert not Session.objects.exists()


@pytest.mark.parametrize("text", ["", ".", "a.b", "{}.{}", "é.é", "e30=.e30=", "x" * 20_000, "W10=.AA==", "\0"])
def test_nonsense_is_refused(client: Client, paris: Server, text: str) -> None:
    assert b"damaged" in bring(client, text).content


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://tokyo.example", "https://tokyo.example:8443"]
)
def test_a_letter_is_taken_from_a_page_of_its_writer_only(
    client: Client,
    signer: Signer,
    alice: User,
    origin: str | None,
) -> None:
    """Otherwise somebody could have another person's browser log in to his own account, and read what is done there."""
    assert bring(client, letter(signer, alice), origin).status_code == 403
    assert not Session.objects.exists()
