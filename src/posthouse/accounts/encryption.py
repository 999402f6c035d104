"""Encryption at rest: whether senders must, may or cannot encrypt packages. Set on the master, for the cluster (M4)."""

from __future__ import annotations

from uuid import UUID

from django.db import models

ONLY = UUID(int=1)


class EncryptionRule(models.Model):
    """What holds for packages that are sent from now on. One row, copied from the master."""

    class When(models.TextChoices):
        CHOICE = "choice", "By choice of the sender"
        ALWAYS = "always", "Always: a package that is not encrypted is refused"
        NEVER = "never", "Never: a package that is encrypted is refused"

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=ONLY, editable=False)
    name = models.CharField(max_length=20, default="encryption", editable=False)
    mode = models.CharField("Packages are encrypted", max_length=6, choices=When, default=When.CHOICE)
    removed_at = models.DateTimeField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return self.get_mode_display()

    @classmethod
    def in_force(cls) -> EncryptionRule:
        """Return what holds."""
        return cls.objects.filter(pk=ONLY, removed_at=None).first() or cls()

    def complaint(self, *, encrypted: bool) -> str:
        """Return why a package cannot be sent so; "" when it can."""
        if self.mode == self.When.ALWAYS and not encrypted:
            return "On this server packages are always encrypted. Choose a passphrase, and send it encrypted."
        if self.mode == self.When.NEVER and encrypted:
            return "On this server packages are never encrypted. Send it without a passphrase."
        return ""
