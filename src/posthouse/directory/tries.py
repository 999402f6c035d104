"""How often a wrong password may be typed in a row for one user name before everybody has to wait.

It protects the directory, which is asked each time and may lock the account, and holds for names that nobody has, too,
so that nothing can be learned from it. Of tries at the very same moment one or two more than allowed may pass.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from posthouse.accounts.rules import normal
from posthouse.directory.models import Tries

ALLOWED = 10
WINDOW = timedelta(minutes=10)


def may_try(login: str) -> bool:
    """Return whether a password for this user name may be tried now."""
    recent = Tries.objects.filter(key=_key(login), since__gt=timezone.now() - WINDOW)
    return not recent.filter(count__gte=ALLOWED).exists()


def failed(login: str) -> None:
    """Count a wrong password."""
    now = timezone.now()
    row, made = Tries.objects.get_or_create(key=_key(login), defaults={"count": 1, "since": now})
    if made:
        return
    rows = Tries.objects.filter(key=row.key)
    if not rows.filter(since__gt=now - WINDOW).update(count=F("count") + 1):
        rows.update(count=1, since=now)


def succeeded(login: str) -> None:
    """Forget the wrong ones."""
    Tries.objects.filter(key=_key(login)).delete()


def _key(login: str) -> str:
    return hashlib.sha256(normal(login).lower().encode()).hexdigest()
