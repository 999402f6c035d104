"""What names may look like: pure rules, with a sentence for whoever breaks them."""

from __future__ import annotations

import unicodedata

from django.core.exceptions import ValidationError

BETWEEN_LOGINS = ",;"  # people separate recipients by them
CONTROL = {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
# Marks that turn the direction of what follows: a name with one shows as another name.
TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def normal(login: str) -> str:
    """Return a user name in the one form in which it is stored and looked for.

    That is Unicode's NFKC without spaces around it, and with letters beyond ASCII in lower case: databases do not agree
    about capitals there, and SQLite would hold “Élan” and “élan” for two names. Capital A to Z stay as they were typed.
    """
    text = unicodedata.normalize("NFKC", login).strip()
    return unicodedata.normalize("NFKC", "".join(each if each.isascii() else each.lower() for each in text))


def check_name(text: str) -> None:
    """Refuse characters that cannot be seen.

    Raises:
        ValidationError: the text holds one.

    """
    for character in text:
        if unicodedata.category(character) in CONTROL or unicodedata.bidirectional(character) in TURNING:
            raise ValidationError(
                f"The character U+{ord(character):04X} cannot be seen and is not allowed here. Type the text anew.",
                code="unseen",
            )


def check_login(login: str) -> None:
    """Refuse user names that could not be typed, or not be told apart in a list of recipients.

    Raises:
        ValidationError: the user name is such a one.

    """
    check_name(login)
    if any(character.isspace() for character in login):
        raise ValidationError("A user name has no spaces. Write a full stop or a hyphen instead.", code="space")
    if any(character in BETWEEN_LOGINS for character in login):
        raise ValidationError("A user name has no comma and no semicolon: they separate recipients.", code="separator")
