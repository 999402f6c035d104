"""The state of each slave's copy of the user information, and what was done to keep it equal."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from posthouse.cluster.models import Server
from posthouse.jobs.models import Work
from posthouse.lib.ids import uuid7


class Counter(models.Model):
    """The number of the newest change to anything shared: one row, raised by the database's own triggers."""

    value = models.PositiveBigIntegerField(default=1)
    floor = models.PositiveBigIntegerField(default=1, help_text="changes up to this one are not listed any more")
    seen = models.PositiveBigIntegerField(default=1, help_text="the newest change when the list was last shortened")

    def __str__(self) -> str:
        return str(self.value)


class Change(models.Model):
    """A shared row has changed, or was deleted: written by triggers, one for each row, with its newest number."""

    pk = models.CompositePrimaryKey("kind", "key")
    kind = models.CharField(max_length=20, help_text="which model, as it is called between servers")
    key = models.UUIDField()
    number = models.PositiveBigIntegerField(db_index=True)

    def __str__(self) -> str:
        return f"{self.number}: {self.kind} {self.key}"


class Digest(models.Model):
    """What everything shared amounts to, as far as it was computed: one row."""

    turn = models.PositiveBigIntegerField(default=0, help_text="raised with each write: of two writers one loses")
    change = models.PositiveBigIntegerField(null=True, help_text="holds for this change; empty: it is not known")
    root = models.CharField(max_length=64, default="", help_text="sum of the digests of all buckets, hex")
    whole_at = models.DateTimeField(null=True, help_text="when it was last computed from all rows")

    def __str__(self) -> str:
        return f"{self.root[:16]} at change {self.change}"


class Bucket(models.Model):
    """The digest of those rows of a model whose ids end in the same four digits."""

    pk = models.CompositePrimaryKey("kind", "name")
    kind = models.CharField(max_length=20)
    name = models.CharField(max_length=4)
    digest = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Mark(models.Model):
    """On the master: a random mark beside the number of a change, made before a slave is sent anything of it.

    A slave keeps the last mark that it was told. A master that does not know that mark was set back to an older
    backup since, whatever its numbers have grown to.
    """

    number = models.PositiveBigIntegerField(primary_key=True, help_text="the newest change when the mark was made")
    token = models.UUIDField(default=uuid4, unique=True)
    made_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return f"{self.token} at change {self.number}"


class Copy(models.Model):
    """On the master: what is known of one slave's copy."""

    class Status(models.TextChoices):
        OUT_OF_SYNC = "out_of_sync", "OUT OF SYNC"
        OK = "ok", "OK"

    server = models.OneToOneField(Server, on_delete=models.CASCADE, primary_key=True, related_name="copy")
    status = models.CharField(max_length=12, choices=Status, default=Status.OUT_OF_SYNC)
    reason = models.TextField(blank=True, default="It was never synced.", help_text="why it is out of sync")
    since = models.DateTimeField(auto_now_add=True, help_text="since when it has this status")
    synced_at = models.DateTimeField(null=True, blank=True, help_text="end of the last sync that succeeded")
    acknowledged = models.PositiveBigIntegerField(default=0, help_text="the last change that it has")
    failures = models.PositiveIntegerField(default=0, help_text="automatic syncs that failed in a row")
    told = models.UUIDField(null=True, blank=True, help_text="the mark that it was told last")

    def __str__(self) -> str:
        return f"{self.server_id} {self.status}"


class Run(Work):
    """One sync of one slave: a line of the history."""

    class Kind(models.TextChoices):
        MANUAL = "manual", "Manual"
        AUTOMATIC = "automatic", "Automatic"

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    server = models.ForeignKey(Server, on_delete=models.CASCADE, related_name="runs")
    kind = models.CharField(max_length=10, choices=Kind)
    started_at = models.DateTimeField(null=True, blank=True)
    total = models.PositiveBigIntegerField(default=0, help_text="rows to send")
    sent = models.PositiveBigIntegerField(default=0, help_text="rows sent so far")
    added = models.PositiveBigIntegerField(default=0)
    changed = models.PositiveBigIntegerField(default=0)
    removed = models.PositiveBigIntegerField(default=0)
    bytes = models.PositiveBigIntegerField(default=0, help_text="on the line, compressed")
    repaired = models.BooleanField(default=False, help_text="the copy had gone astray, and was set right")
    buckets = models.PositiveIntegerField(default=0, help_text="buckets that had gone astray")
    mended = models.PositiveBigIntegerField(default=0, help_text="rows that had gone astray and were set right")

    class Meta:
        indexes = [models.Index(fields=["server", "-created_at"], name="run_history")]

    def __str__(self) -> str:
        return f"{self.kind} sync of {self.server_id}"

    @property
    def duration(self) -> timedelta | None:
        """How long it took, once it has ended."""
        return self.ended_at - (self.started_at or self.created_at) if self.ended_at else None


class Received(models.Model):
    """On a slave: how far its copy is. One row."""

    master = models.ForeignKey(Server, on_delete=models.PROTECT, related_name="+")
    change = models.PositiveBigIntegerField(default=0, help_text="number of the last change that was applied")
    turn = models.UUIDField(null=True, help_text="which sync of the master has the word")
    step = models.PositiveBigIntegerField(default=0, help_text="which of its batches is expected next")
    answer = models.JSONField(default=dict, help_text="what was answered to the last batch, should it be lost")
    sweep = models.JSONField(null=True, help_text="how far a full copy is that was not ended yet")
    mark = models.UUIDField(null=True, blank=True, help_text="the last mark that the master told")
    at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"change {self.change}"


class Stray(models.Model):
    """On a slave: a row that the master does not have, until the sync says what becomes of it."""

    pk = models.CompositePrimaryKey("kind", "key")
    kind = models.CharField(max_length=20)
    key = models.UUIDField()

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class Hold(models.Model):
    """On the master: a sync that was stopped before it did anything, until an administrator decides."""

    class Cause(models.TextChoices):
        VANISHING = "vanishing", "Many accounts would vanish"
        HISTORY = "history", "The database of the master is older than the copy"

    server = models.OneToOneField(Server, on_delete=models.CASCADE, primary_key=True, related_name="hold")
    cause = models.CharField(max_length=10, choices=Cause)
    at = models.DateTimeField(help_text="since when this is asked")
    present = models.PositiveBigIntegerField(help_text="accounts on the slave")
    vanishing = models.PositiveBigIntegerField()
    changing = models.PositiveBigIntegerField()
    appearing = models.PositiveBigIntegerField()
    mark = models.UUIDField(null=True, blank=True, help_text="the mark that the slave had")
    question = models.CharField(max_length=64, help_text="SHA-256 of everything that the decision is about, hex")
    approved_by = models.CharField(max_length=200, blank=True, default="")
    approved_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.cause} at {self.server_id}"


class HeldAccount(models.Model):
    """An account of the slave that a held sync would make vanish, or change; or one that it would bring."""

    class Fate(models.TextChoices):
        VANISHES = "vanishes", "Vanishes"
        CHANGES = "changes", "Changes"
        APPEARS = "appears", "Appears"

    hold = models.ForeignKey(Hold, on_delete=models.CASCADE, related_name="accounts")
    account = models.UUIDField()
    fate = models.CharField(max_length=8, choices=Fate)
    login = models.CharField(max_length=150)
    name = models.CharField(max_length=200)
    email = models.CharField(max_length=254)

    class Meta:
        indexes = [models.Index(fields=["hold", "fate", "login", "id"], name="held_by_login")]

    def __str__(self) -> str:
        return f"{self.login} {self.fate}"


def _interval() -> int:
    return int(settings.POSTHOUSE.sync_seconds)


def _failures() -> int:
    return int(settings.POSTHOUSE.sync_failures)


class Rhythm(models.Model):
    """How often slaves are synced, and how often that may fail: what administrators have set. One row (D8)."""

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    interval = models.PositiveIntegerField(
        "Seconds between two automatic syncs",
        default=_interval,
        validators=[MinValueValidator(5), MaxValueValidator(86_400)],
        help_text="when nothing changes: a change is sent at once",
    )
    failures = models.PositiveIntegerField(
        "Automatic syncs that may fail in a row",
        default=_failures,
        validators=[MaxValueValidator(1000)],
        help_text="with one more the slave is OUT OF SYNC",
    )

    def __str__(self) -> str:
        return f"every {self.interval} s, {self.failures} failures"

    @classmethod
    def in_force(cls) -> Rhythm:
        """Return what administrators have set, or until they do what the options of this installation say."""
        return cls.objects.filter(pk=cls.ONLY).first() or cls()
