"""Durable work: a row that one worker at a time may hold."""

from __future__ import annotations

from django.db import models


class State(models.TextChoices):
    """Where a piece of work stands."""

    QUEUED = "queued", "Queued"
    ACTIVE = "active", "Active"
    DEFERRED = "deferred", "Deferred"
    HELD = "held", "Held"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class Work(models.Model):
    """A piece of work that outlives every process.

    It is claimed, renewed and ended only by `posthouse.jobs.leases`, each time with an UPDATE that names the old
    state or the fencing number, so that two workers never both believe that they hold it.
    """

    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True, help_text="not before this time; empty: at once")
    last_error = models.TextField(blank=True, default="", help_text="what went wrong last, in words for people")
    lease_holder = models.CharField(max_length=80, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveBigIntegerField(
        default=0, help_text="grows with each claim; a write that carries an older number is refused"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
