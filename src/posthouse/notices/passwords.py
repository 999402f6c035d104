"""Sending the links by which people choose a password, and welcoming those who have an account now."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from posthouse.accounts import signals
from posthouse.accounts.models import User
from posthouse.accounts.reset_models import PasswordLink
from posthouse.cluster import servers
from posthouse.notices import outbox, wordings
from posthouse.notices.letters import link as link_here
from posthouse.notices.letters import moment
from posthouse.notices.wordings import Wording

_PERSON = {"name": "Alice", "login": "alice", "server": "paris"}

RESET = wordings.register(
    Wording(
        name="password-reset",
        title="Forgotten password",
        who="Whoever has asked for it at the log-in page, if there is such an account.",
        subject="Choose a new password for {server}",
        text="Somebody, you we hope, has asked for a new password for your account “{login}”. The link below is good"
        " once, until {until}.\n\nYou did not ask for it? Then do nothing: your password stays as it is.",
        action="Choose a new password",
        variables=_PERSON | {"until": "28 November 2026, 12:15 UTC"},
    )
)
WELCOME = wordings.register(
    Wording(
        name="welcome",
        title="Welcome",
        who="People for whom an administrator has made an account.",
        subject="Welcome to {server}, {name}",
        text="You have an account now, with which you send and receive packages. Your user name is {login}. {password}",
        action="Begin",
        variables=_PERSON
        | {"password": "Choose a password with the link below; it is good once, until 28 November 2026, 12:15 UTC."},
    )
)


@receiver(signals.password_link_made)
def send_link(link: PasswordLink, secret: str, **_: Any) -> None:
    """Mail a link to its owner. It leads to his home server, which asks the one that keeps his account."""
    user, until = link.user, moment(link.expires_at)
    there = _page(user, "accounts:choose", outbox.SECRET)
    if link.purpose == PasswordLink.Purpose.WELCOME:
        password = f"Choose a password with the link below; it is good once, until {until}."
        letter = WELCOME.letter(_values(user) | {"password": password}, link=there)
    else:
        letter = RESET.letter(_values(user) | {"until": until}, link=there)
    outbox.tell_secretly(user, f"password-link:{link.pk}", letter, secret)


@receiver(signals.account_made)
def welcome(user: User, **_: Any) -> None:
    """Tell somebody that he has an account, whose password he hears of from an administrator."""
    values = _values(user) | {"password": "An administrator tells you your password."}
    letter = WELCOME.letter(values, link=_page(user, "accounts:login"))
    outbox.tell([user], f"welcome:{user.pk}", letter)


def _values(user: User) -> dict[str, str]:
    home = user.home.name if user.home else servers.this().name
    return {"name": str(user), "login": user.login, "server": home}


def _page(user: User, name: str, *args: Any) -> str:
    home = None if user.local else user.home
    return link_here(name, *args) if home is None or home.is_self else servers.page(home, name, *args)
