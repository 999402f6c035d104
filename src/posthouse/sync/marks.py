"""Marks in the history of the master's database, by which it is noticed that it was set back to an older backup.

The numbers of changes cannot tell: a database that was set back counts on from where it was, and soon has the number
again that a slave has seen, for another change. So each number that a slave may come to know gets a random mark first.
A master that knows the mark which a slave was told last has everything that this slave has ever been sent.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db.models import Min
from django.utils import timezone

from posthouse.sync import feed
from posthouse.sync.models import Copy, Mark

KEEP = timedelta(days=400)
"""A slave that comes back from an older backup of its own than that is taken for one that has seen more than we."""


def newest() -> Mark:
    """Return the mark of the newest change. Nothing newer may be sent before the slave was told a newer mark."""
    return Mark.objects.get_or_create(number=feed.counter())[0]


def is_known(token: UUID) -> bool:
    """Return whether a mark was made in the history of this database."""
    return Mark.objects.filter(token=token).exists()


def forget_old() -> int:
    """Delete old marks, except those that a slave may still have; return how many."""
    old = Mark.objects.filter(made_at__lt=timezone.now() - KEEP)
    told = Mark.objects.filter(token__in=Copy.objects.exclude(told=None).values("told"))
    oldest = told.aggregate(number=Min("number"))["number"]
    if oldest is not None:
        old = old.filter(number__lt=oldest)
    return old.delete()[0]
