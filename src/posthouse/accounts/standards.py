"""What the people of a role may do, and how much they may send, unless something else is set for one of them."""

from __future__ import annotations

from django.db import models

QUOTA_DAYS = 30


class Standard(models.Model):
    """The permissions and limits of one role, as administrators set them on the master. Slaves hold copies."""

    role = models.CharField(primary_key=True, max_length=16)
    permissions = models.CharField(
        max_length=200, help_text="words of posthouse.accounts.permissions, with spaces between"
    )
    quota = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="bytes that a person may send within quota_days; empty: no limit"
    )
    quota_days = models.PositiveIntegerField(default=QUOTA_DAYS)
    package_limit = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="bytes of one package; empty: no limit"
    )

    def __str__(self) -> str:
        return self.role
