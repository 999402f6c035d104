"""Packages: what was sent, to whom, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.lib.ids import uuid7
from posthouse.packages import selection
from posthouse.store import blobs
from posthouse.store.models import Blob


class Package(models.Model):
    """A set of files that somebody sends. It has the same id on every server."""

    class Status(models.TextChoices):
        UPLOADING = "uploading", "Uploading"
        RELAYING = "relaying", "Relaying"
        COMPLETE = "complete", "Complete"
        ERROR = "error", "Error"

    class End(models.TextChoices):
        EXPIRED = "expired", "Expired"
        RECALLED = "recalled", "Recalled"
        DELETED = "deleted", "Deleted"

    class After(models.TextChoices):
        KEEP = "keep", "keep it until it expires"
        ANY = "any", "end it a day after one recipient has downloaded all of it"
        ALL = "all", "end it a day after all recipients have downloaded all of it"

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    title = models.CharField(max_length=200)
    note = models.TextField(blank=True, default="")
    sender = models.ForeignKey(User, on_delete=models.PROTECT, related_name="sent_packages")
    origin = models.ForeignKey(Server, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=10, choices=Status, default=Status.UPLOADING)
    error = models.TextField(blank=True, default="", help_text="why the status is an error, in words for people")
    size = models.PositiveBigIntegerField(default=0, help_text="bytes of all files")
    file_count = models.PositiveIntegerField(default=0)
    key = models.CharField(
        max_length=64, blank=True, default="", help_text="the client's name for its call, so that it can say it again"
    )
    release_at = models.DateTimeField(
        null=True, blank=True, help_text="nobody can fetch it before; empty: at once, or released already"
    )
    keep_days = models.PositiveIntegerField(
        null=True, blank=True, help_text="days from upload or release to the end; empty: no end"
    )
    expires_at = models.DateTimeField(null=True, blank=True, help_text="when it ends by itself")
    after_download = models.CharField(max_length=4, choices=After, default=After.KEEP)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="since when nobody can fetch it any more")
    end = models.CharField(max_length=8, choices=End, blank=True, default="")
    ended_by = models.CharField(max_length=200, blank=True, default="", help_text="whose doing the end was")
    freed_at = models.DateTimeField(null=True, blank=True, help_text="when its bytes were given up, after its end")
    outside_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="days that links of outside recipients are good; empty: as long as it",
    )
    outside_once = models.BooleanField(
        default=False, help_text="the link of an outside recipient ends a day after all was downloaded by it"
    )
    outside_password = models.CharField(
        max_length=128, blank=True, default="", help_text="hash of the password that outside recipients are asked for"
    )
    outside_sender = models.CharField(
        max_length=254, blank=True, default="", help_text="e-mail address of whoever sent it, invited by the sender"
    )
    envelope = models.CharField(
        max_length=400,
        blank=True,
        default="",
        help_text="of an encrypted package, what its passphrase needs to open it; empty: it is not encrypted",
    )
    forwarded_from = models.UUIDField(null=True, blank=True, help_text="the package whose files it passes on")
    created_at = models.DateTimeField(default=timezone.now, help_text="at the sender's server")
    closed_at = models.DateTimeField(null=True, blank=True, help_text="when its last byte was in the store")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sender", "key"], condition=~Q(key=""), name="package_key_once"),
        ]
        indexes = [
            models.Index(fields=["sender", "-created_at"], name="package_sent"),
            models.Index(fields=["status", "-created_at"], name="package_status"),
            models.Index(fields=["-created_at"], name="package_created"),
            # What the periodic work looks for: few rows, however many packages there are.
            models.Index(fields=["expires_at"], condition=Q(ended_at=None, expires_at__isnull=False), name="to_expire"),
            models.Index(fields=["release_at"], condition=Q(release_at__isnull=False), name="to_release"),
            models.Index(fields=["ended_at"], condition=Q(ended_at__isnull=False, freed_at=None), name="to_free"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_open(self) -> bool:
        """Whether its files are all here and may be fetched by whom it was sent to."""
        return self.closed_at is not None and self.ended_at is None

    @property
    def encrypted(self) -> bool:
        """Whether its files were encrypted by whoever sent them, and no server can read them."""
        return bool(self.envelope)


class File(models.Model):
    """One file of a package: its place among the others, its name, and where its bytes are."""

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="files")
    number = models.PositiveIntegerField(help_text="from 0")
    path = models.CharField(max_length=1024, help_text="a name, with folders before it: data, never a path on a disk")
    size = models.PositiveBigIntegerField()
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    start = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="its first byte in a blob of several small files; empty: the blob is this file"
    )
    packed_digest = models.BinaryField(default=b"", help_text="of such a file")
    packed_crc32 = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["package", "number"], name="file_number_once"),
            models.UniqueConstraint(fields=["package", "path"], name="file_path_once"),
        ]
        indexes = [
            # What is still awaited: looked up after each file, so it must not grow with those that are there.
            models.Index(fields=["package"], condition=Q(blob=None), name="file_awaited"),
        ]

    def __str__(self) -> str:
        return self.path

    @property
    def digest(self) -> bytes:
        """The digest of its parts' digests; empty while its bytes are not here."""
        if self.start is not None:
            return bytes(self.packed_digest)
        return bytes(self.blob.digest) if self.blob else b""

    @property
    def crc32(self) -> int:
        """The CRC-32 of its bytes; 0 while they are not here."""
        if self.start is not None:
            return self.packed_crc32
        return self.blob.crc32 if self.blob else 0

    def read(self, start: int, length: int) -> Iterator[bytes]:
        """Yield `length` of its bytes, or those up to its end, from `start` on. Raises StoreError."""
        if self.blob:
            length = min(length, max(0, self.size - start))
            yield from blobs.read(self.blob, (self.start or 0) + start, length)


class Delivery(models.Model):
    """One recipient's share in a package."""

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="deliveries")
    recipient = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="deliveries", help_text="empty: outside"
    )
    email = models.CharField(
        max_length=254, blank=True, default="", help_text="e-mail address of a recipient outside, in lower case"
    )
    home = models.ForeignKey(
        Server, on_delete=models.PROTECT, related_name="+", help_text="where the recipient fetches it"
    )
    available_at = models.DateTimeField(
        null=True, blank=True, help_text="when it could be fetched here; empty: not here, or not yet"
    )
    private = models.BooleanField(default=False, help_text="other recipients are not told of this one")
    fetched_files = models.PositiveIntegerField(default=0, help_text="how many of the files were fetched whole")
    first_fetched_at = models.DateTimeField(null=True, blank=True, help_text="when anything was fetched")
    fetched_at = models.DateTimeField(null=True, blank=True, help_text="when all of it had been fetched")
    archived_at = models.DateTimeField(null=True, blank=True, help_text="when the recipient put it aside")
    hidden_at = models.DateTimeField(null=True, blank=True, help_text="when the recipient deleted it for himself")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["package", "recipient"], name="delivery_once"),
            models.UniqueConstraint(fields=["package", "email"], condition=~Q(email=""), name="delivery_outside_once"),
            models.CheckConstraint(
                condition=Q(recipient=None, email__gt="") | Q(recipient__isnull=False, email=""), name="delivery_to_one"
            ),
        ]
        indexes = [models.Index(fields=["recipient", "-available_at"], name="delivery_received")]

    def __str__(self) -> str:
        return f"{self.package_id} to {self.recipient_id or self.email}"

    @property
    def who(self) -> str:
        """What the recipient is called."""
        return str(self.recipient) if self.recipient else self.email

    @property
    def address(self) -> str:
        """The recipient's e-mail address."""
        return self.recipient.email if self.recipient else self.email


class Cc(models.Model):
    """Somebody whom the sender has told, by e-mail, of what happens to a package. It gives no right to its files.

    Known at the sender's server only.
    """

    class Event(models.TextChoices):
        UPLOAD = "upload", "CC on upload"
        RECEIPT = "receipt", "CC on receipt"
        DOWNLOAD = "download", "CC on download"

    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="copies")
    event = models.CharField(max_length=8, choices=Event)
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    email = models.CharField(max_length=254, blank=True, default="", help_text="of somebody outside, in lower case")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["package", "event", "user"], name="cc_once"),
            models.UniqueConstraint(fields=["package", "event", "email"], condition=~Q(email=""), name="cc_email_once"),
        ]

    def __str__(self) -> str:
        return f"{self.event} of {self.package_id} to {self.user_id or self.email}"

    @property
    def who(self) -> str:
        """Who is told."""
        return str(self.user) if self.user else self.email


class Download(models.Model):
    """A note that somebody fetched a file, or the whole package as a zip file."""

    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="downloads")
    user = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    delivery = models.ForeignKey(
        Delivery,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="downloads",
        help_text="whose share was fetched; empty: the sender fetched what he sent",
    )
    file = models.ForeignKey(
        File,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text="empty: all, as a zip file",
    )
    chosen = models.TextField(
        blank=True, default="", help_text="numbers of the files that were fetched together as a zip file; empty: all"
    )
    start = models.PositiveBigIntegerField(default=0, help_text="the first byte that was asked for")
    sent = models.PositiveBigIntegerField(default=0, help_text="bytes handed to the network")
    size = models.PositiveBigIntegerField(help_text="bytes asked for")
    whole = models.PositiveBigIntegerField(default=0, help_text="bytes of the file, or of the zip file, altogether")
    address = models.CharField(max_length=45, help_text="IP address")
    started_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["package", "-started_at"], name="download_package"),
            models.Index(fields=["delivery", "file"], name="download_of_file"),
        ]

    def __str__(self) -> str:
        return f"{self.package_id} by {self.user_id or self.delivery_id}"

    @property
    def what(self) -> str:
        """What was fetched."""
        if self.file:
            return self.file.path
        count = len(selection.numbers(self.chosen))
        return f"{count:,} file{'' if count == 1 else 's'}, as zip" if count else "All, as zip"

    @property
    def who(self) -> str:
        """Who fetched it."""
        if self.user:
            return str(self.user)
        return self.delivery.who if self.delivery else ""


class Ended(models.Model):
    """A package that ended before it came here: a relay that is late must not bring it any more."""

    package_id = models.UUIDField(primary_key=True)
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return str(self.package_id)


class Place(models.Model):
    """A package's place in the index by which packages are found; the words are in columns of the database's own."""

    number = models.BigAutoField(primary_key=True, help_text="grows with the time at which the package came here")
    package = models.OneToOneField(Package, on_delete=models.CASCADE, related_name="place")

    def __str__(self) -> str:
        return f"{self.number}: {self.package_id}"


class Indexing(models.Model):
    """How far packages that were there before the index have been put into it. One row, or none when all is done."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    number = models.BigIntegerField(default=0, help_text="the last number that was given; they go down from -1")
    before_at = models.DateTimeField(null=True, blank=True, help_text="packages made before are still to be done")
    before_id = models.UUIDField(null=True, blank=True)

    def __str__(self) -> str:
        return f"before {self.before_at}"


class Renamed(models.Model):
    """Somebody is called otherwise now: packages in the index are to follow. Written by a trigger of the database."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="+", db_constraint=False)
    behind = models.BigIntegerField(null=True, blank=True, help_text="places with smaller numbers are still to be done")

    def __str__(self) -> str:
        return str(self.user_id)


class Policy(models.Model):
    """How long packages are kept, as administrators set it at Server > Configuration > Packages. One row."""

    keep_days = models.PositiveIntegerField(
        "Days a package is kept",
        null=True,
        blank=True,
        help_text="From its upload on. Empty: until somebody deletes it.",
    )
    after_download = models.CharField(
        "After a download", max_length=4, choices=Package.After, default=Package.After.KEEP
    )
    may_choose = models.BooleanField(
        "Senders may choose otherwise", default=True, help_text="For each package, up to the most days below."
    )
    most_days = models.PositiveIntegerField(
        "Most days that senders may choose", null=True, blank=True, help_text="Empty: any number, or no end at all."
    )

    def __str__(self) -> str:
        return f"{self.keep_days or 'no'} days"


class OutsidePolicy(models.Model):
    """Sending to e-mail addresses that belong to no account. One row, copied from the master (M4)."""

    ONLY = UUID(int=1)

    class Password(models.TextChoices):
        MAY = "may", "may be asked for"
        MUST = "must", "must be asked for"

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=ONLY, editable=False)
    name = models.CharField(max_length=20, default="outside", editable=False)
    allowed = models.BooleanField(
        "Packages may be sent to outside e-mail addresses",
        default=True,
        help_text="By people who have the permission for it.",
    )
    days = models.PositiveIntegerField(
        "Days a link is good at most", null=True, blank=True, default=30, help_text="Empty: as long as the package."
    )
    once = models.BooleanField("A link ends a day after everything was downloaded by it", default=False)
    password = models.CharField("A password for the link", max_length=4, choices=Password, default=Password.MAY)
    removed_at = models.DateTimeField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return "allowed" if self.allowed else "not allowed"
