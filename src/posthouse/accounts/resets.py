"""Links by which people choose a password without having one: after they forgot it, and when they are new.

A link has a secret of 256 random bits, of which only the digest is stored, is good once and for a while, and is kept
where the account is kept: on the master, for all people of the domain. A slave asks it by signed calls (D5). Nobody
learns by any answer whether there is such an account: what is asked for is written down at once, and looked at later.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.debug import sensitive_variables

from posthouse.accounts import access, lockout, passwords, signals
from posthouse.accounts.models import User
from posthouse.accounts.reset_models import LinkWish, PasswordLink
from posthouse.accounts.rules import normal
from posthouse.audit import log as audit
from posthouse.cluster import calls, servers
from posthouse.cluster.errors import CallError
from posthouse.cluster.models import Server
from posthouse.jobs.wake import wake_on_commit

LIFE = {"reset": timedelta(hours=2), "welcome": timedelta(days=7)}
MOST_LINKS = 3
"""Links that somebody may ask for within an hour: nobody can flood another one's mailbox."""
MOST_ASKED, MOST_WRONG = 20, 50
"""How often links may be asked for, and how many wrong ones may come, from one address within an hour."""
HOUR = timedelta(hours=1)
BATCH = 100
LONGEST = 254
TIMEOUT_SECONDS = 15.0
NOT_GOOD = "This link is not good any more: it was used, it is too old, or it is not whole. Ask for another one."

log = structlog.get_logger("posthouse.accounts")


class TooMany(Exception):
    """Too many have come from this address; the message is a sentence for people."""


class NotAsked(Exception):
    """The master, which keeps the accounts, could not be asked; the message is a sentence for people."""


@dataclass(frozen=True)
class Chosen:
    """Whose password was chosen, and what became of it."""

    user: User | None
    errors: tuple[str, ...] = ()


def ask(who: str, address: str) -> None:
    """Have a link sent to whoever has this user name or e-mail address. Raises TooMany and NotAsked."""
    if lockout.is_too_much(f"forgot:{address}", MOST_ASKED, HOUR):
        raise TooMany("Too many links were asked for from your network. Try again in an hour.")
    local_first = _named(who).filter(local=True)
    keeper = access.keeper()
    if keeper is None or local_first.exists():
        write_down(who)
    if keeper is not None:
        _call(keeper, "accounts/forgot", {"who": who[:LONGEST]})


def write_down(who: str) -> None:
    """Remember what was asked for. It takes the same time whether there is such an account or not."""
    LinkWish.objects.create(who=who[:LONGEST].replace("\0", ""))
    wake_on_commit()


def answer_wishes() -> int:
    """Make the links that were asked for; return how many wishes were looked at.

    One whose mail cannot be made is given up: he may ask again, and those behind him do not wait for him.
    """
    wishes = list(LinkWish.objects.order_by("pk")[:BATCH])
    for wish in wishes:
        with transaction.atomic():
            if not LinkWish.objects.filter(pk=wish.pk).delete()[0]:
                continue  # another worker does it
            kept = Q() if access.keeper() is None else Q(local=True)
            for user in _named(wish.who).filter(kept).order_by("pk")[:5]:
                _answer(user)
    return len(wishes)


def _answer(user: User) -> None:
    """Give somebody a link, unless he has had many; what goes wrong is logged."""
    recent = PasswordLink.objects.filter(user=user, made_at__gt=timezone.now() - HOUR)
    if recent.count() >= MOST_LINKS:
        return
    try:
        with transaction.atomic():
            give(user, "reset")
    except (OperationalError, InterfaceError):
        raise  # the database is away: the wish stays
    except Exception:  # whatever is wrong with this one, the others get theirs
        log.exception("password link not made", user=str(user.pk))


def give(user: User, purpose: str) -> None:
    """Make a link for somebody and have it sent to him. Call it in a transaction, where the account is kept."""
    secret = secrets.token_urlsafe(32)
    made = PasswordLink.objects.create(
        user=user, digest=_digest(secret), purpose=purpose, expires_at=timezone.now() + LIFE[purpose]
    )
    signals.password_link_made.send(PasswordLink, link=made, secret=secret)


def good(secret: str, address: str) -> bool:
    """Return whether a link is good. Raises TooMany and NotAsked."""
    key = f"choose:{address}"
    too_many = "Too many links that are not good came from your network. Try again in an hour."
    if lockout.was_too_much(key, HOUR):
        raise TooMany(too_many)  # before the master is asked: whoever guesses here takes none of its time
    local = _find(secret) is not None
    keeper = access.keeper()
    found = local or (keeper is not None and bool(_call(keeper, "accounts/choose", {"secret": secret}).get("good")))
    if not found and lockout.is_too_much(key, MOST_WRONG, HOUR):
        raise TooMany(too_many)
    return found


@sensitive_variables("secret", "password")
def choose(secret: str, password: str) -> Chosen:
    """Set the password of a link's owner, once. Raises NotAsked."""
    keeper = access.keeper()
    if keeper is None or _find(secret) is not None:
        return choose_here(secret, password)
    answer = _call(keeper, "accounts/choose", {"secret": secret, "password": password})
    errors = tuple(str(error) for error in answer.get("errors", ()))
    user = User.objects.filter(pk=str(answer["user"])).first() if not errors else None
    if user is not None:
        at = parse_datetime(str(answer["password_at"]))
        # Not over a later one, which a sync may have brought meanwhile.
        older = User.objects.filter(Q(password_at=None) | Q(password_at__lte=at), pk=user.pk)
        older.update(password=answer["password"], password_at=at)
        lockout.unlock(user.login)
    return Chosen(user, errors)


@sensitive_variables("secret", "password", "encoded")
def choose_here(secret: str, password: str) -> Chosen:
    """Set the password of a link's owner, whose account is kept here."""
    with transaction.atomic():
        link = _find(secret, lock=True)
        if link is None:
            return Chosen(None, (NOT_GOOD,))
        user = link.user
        try:
            validate_password(password, user)
        except ValidationError as error:
            return Chosen(None, tuple(error.messages))
        now, encoded = timezone.now(), make_password(password)
        # All links of his: whoever has an older mail cannot change the password once more.
        if not PasswordLink.objects.filter(user=user, used_at=None).update(used_at=now):
            return Chosen(None, (NOT_GOOD,))
        before = user.password
        User.objects.filter(pk=user.pk).update(password=encoded, password_at=now)
        passwords.keep_old(user, before)
        user.password, user.password_at = encoded, now
        lockout.unlock(user.login)
        audit.record(
            audit.Who(str(user), user.pk), "account.password", f"{user} has chosen a password by a link.", user
        )
    return Chosen(user)


def forget_old() -> int:
    """Delete links that ended long ago; return how many."""
    return PasswordLink.objects.filter(expires_at__lt=timezone.now() - timedelta(days=30)).delete()[0]


def is_good_here(secret: str) -> bool:
    """Return whether a link of an account that is kept here is good."""
    return _find(secret) is not None


def _named(who: str) -> Any:
    """Return who may get a link: active, not from a directory, with an address to send it to."""
    who = who.strip().replace("\0", "")
    if not who:
        return User.objects.none()
    able = User.objects.able().filter(directory=None).exclude(email="")
    return able.filter(Q(login__iexact=normal(who)) | Q(email__iexact=who))


def _find(secret: str, *, lock: bool = False) -> PasswordLink | None:
    links = PasswordLink.objects.filter(digest=_digest(secret), used_at=None, expires_at__gt=timezone.now())
    links = links.filter(user__is_active=True, user__removed_at=None, user__directory=None).select_related("user")
    return (links.select_for_update(of=("self",)) if lock else links).first()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


@sensitive_variables("question")
def _call(master: Server, path: str, question: dict[str, str]) -> dict[str, Any]:
    here = servers.this().name
    if master.is_self:
        raise NotAsked(f"{here} is a slave and does not know its master yet. Tell an administrator.")
    try:
        return calls.call(master, "POST", path, json=question, timeout=TIMEOUT_SECONDS).json()
    except CallError as error:
        log.warning("password link not asked for", master=master.name, reason=error.message)
        raise NotAsked(
            f"The master, {master.name}, which keeps all accounts, cannot be reached now. Nothing was changed. Try"
            " again in a few minutes."
        ) from error
