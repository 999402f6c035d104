"""Keeping the index of packages: packages that were there before it, and people who are called otherwise now.

Both are done in small batches, so that nobody waits for them; a batch that breaks off is done again.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Q

from posthouse.packages import finding
from posthouse.packages.models import Indexing, Package, Place, Renamed

BATCH = 100
SECONDS = 2.0
"""How long one round takes at most, or little more: other work waits for it."""

_CHANGED = " OR ".join(f"OLD.{name} <> NEW.{name}" for name in ("login", "name", "email"))
_NOTE = (
    "INSERT INTO packages_renamed (user_id, behind) VALUES (NEW.id, NULL)"
    " ON CONFLICT (user_id) DO UPDATE SET behind = NULL"
)
_TRIGGERS = {
    "sqlite": f"""
        DROP TRIGGER IF EXISTS packages_renamed ;;
        CREATE TRIGGER packages_renamed AFTER UPDATE OF login, name, email ON accounts_user
            WHEN {_CHANGED} BEGIN {_NOTE}; END
    """,
    "postgresql": f"""
        CREATE OR REPLACE FUNCTION packages_renamed() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN {_NOTE}; RETURN NULL; END $$ ;;
        DROP TRIGGER IF EXISTS packages_renamed ON accounts_user ;;
        CREATE TRIGGER packages_renamed AFTER UPDATE ON accounts_user FOR EACH ROW
            WHEN ({_CHANGED}) EXECUTE FUNCTION packages_renamed()
    """,
}


def install(connection: BaseDatabaseWrapper) -> None:
    """Have the database note who is called otherwise, whoever writes it; Django drops SQLite's triggers at times."""
    with connection.cursor() as cursor:
        for statement in _TRIGGERS[connection.vendor].split(";;"):
            cursor.execute(statement)


def build() -> int:
    """Put packages into the index that were there before it, newest first; return how many this round did."""
    return _batches(_build)


def rename() -> int:
    """Write packages anew into the index whose people are called otherwise now; return how many this round did."""
    return _batches(_rename)


def _batches(one: Callable[[], int | None]) -> int:
    """Do one batch after the other until there is none, or the time is over."""
    done, began = 0, time.monotonic()
    while True:
        count = one()
        if count is None:
            return done
        done += count
        if time.monotonic() - began > SECONDS:
            return done


def _build() -> int | None:
    with transaction.atomic():
        at = Indexing.objects.select_for_update().first()
        if at is None:
            return None
        older = Package.objects.order_by("-created_at", "-pk")
        if at.before_at is not None:
            older = older.filter(Q(created_at__lt=at.before_at) | Q(created_at=at.before_at, pk__lt=at.before_id))
        packages = list(older.filter(place=None).select_related("sender")[:BATCH])
        for package in packages:
            at.before_at, at.before_id = package.created_at, package.pk
            at.number -= 1
            finding.add(package, at.number)
        if packages:
            at.save()
        else:
            at.delete()
    return len(packages)


def _rename() -> int | None:
    with transaction.atomic():
        who = Renamed.objects.select_for_update().order_by("pk").first()
        if who is None:
            return None
        theirs = Place.objects.filter(
            Q(package__sender=who.user_id) | Q(package__deliveries__recipient=who.user_id)
        ).order_by("-number")
        if who.behind is not None:
            theirs = theirs.filter(number__lt=who.behind)
        places = list(theirs.distinct().values_list("number", "package")[:BATCH])
        for _, package_id in places:
            finding.renew(package_id)
        same = Renamed.objects.filter(pk=who.pk, behind=who.behind)
        if places:
            same.update(behind=places[-1][0])
        else:
            same.delete()
    return len(places)
