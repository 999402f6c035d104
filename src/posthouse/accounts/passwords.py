"""What passwords must be like: the rules that administrators have set, and what somebody had before."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.hashers import check_password
from django.core.exceptions import ValidationError
from django.views.decorators.debug import sensitive_variables

from posthouse.accounts.models import User
from posthouse.accounts.security import OldPassword, PasswordRules

KINDS = ("small letters", "capital letters", "digits", "other characters")
MOST_KEPT = 24


@sensitive_variables("password")
def problems(password: str, least: int, kinds: int) -> list[str]:
    """Return what is wrong with a password, as sentences. Pure."""
    found = []
    if len(password) < least:
        found.append(f"It has {len(password)} characters, and needs at least {least} characters.")
    if kinds_in(password) < kinds:
        found.append(f"It needs at least {kinds} of these: {', '.join(KINDS)}.")
    return found


@sensitive_variables("password")
def kinds_in(password: str) -> int:
    """Return how many kinds of characters a password has. Pure."""
    return len(
        {
            0 if character.islower() else 1 if character.isupper() else 2 if character.isdigit() else 3
            for character in password
        }
    )


def hint(rules: PasswordRules) -> str:
    """Return what somebody is told who chooses a password."""
    kinds = "" if rules.kinds < 2 else f" of {rules.kinds} kinds (small letters, capital letters, digits, others)"
    earlier = "" if not rules.history else f", and none of the last {rules.history}"
    return f"At least {rules.least} characters{kinds}, not a common password, and not like the name{earlier}."


class Rules:
    """The rules in force, as Django asks for them (settings.AUTH_PASSWORD_VALIDATORS)."""

    @sensitive_variables("password")
    def validate(self, password: str, user: Any = None) -> None:
        """Refuse a password that breaks a rule. Raises ValidationError."""
        rules = PasswordRules.in_force()
        found = problems(password, rules.least, rules.kinds)
        if found:
            raise ValidationError(found)
        if (
            isinstance(user, User)
            and not user._state.adding
            and rules.history
            and _was_had(user, password, rules.history)
        ):
            raise ValidationError(f"This is one of the last {rules.history} passwords. Choose one that was not used.")

    def get_help_text(self) -> str:
        """Return the rules in words."""
        return hint(PasswordRules.in_force())


def keep_old(user: User, encoded: str) -> None:
    """Remember the password that somebody had until now, as far as any rule may ask for it."""
    if not encoded or encoded.startswith("!"):
        return
    OldPassword.objects.create(user=user, password=encoded)
    kept = OldPassword.objects.filter(user=user).order_by("-ended_at", "-pk").values_list("pk", flat=True)
    OldPassword.objects.filter(pk__in=list(kept[MOST_KEPT : MOST_KEPT + 10])).delete()


def is_too_old(user: User, now: datetime) -> bool:
    """Return whether somebody must choose a new password."""
    days = PasswordRules.in_force().days
    if not days or user.directory is not None:
        return False
    return now - (user.password_at or user.created_at) >= timedelta(days=days)


@sensitive_variables("password")
def _was_had(user: User, password: str, count: int) -> bool:
    present = User.objects.filter(pk=user.pk).values_list("password", flat=True).first() or ""
    earlier = OldPassword.objects.filter(user=user).order_by("-ended_at", "-pk").values_list("password", flat=True)
    return any(check_password(password, encoded) for encoded in [present, *earlier[: count - 1]] if encoded)
