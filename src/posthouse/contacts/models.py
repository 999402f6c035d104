"""Everybody's own address book. It belongs to the server on which it was made (R69)."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.accounts.rules import check_name
from posthouse.lib.ids import uuid7


class Contact(models.Model):
    """An e-mail address outside that somebody has sent to, or has written down."""

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="contacts")
    name = models.CharField("Name", max_length=200, blank=True, default="", validators=[check_name])
    email = models.EmailField("E-mail address", max_length=254, help_text="in lower case")
    created_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(null=True, blank=True, help_text="when a package was last sent to it")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "email"], name="contact_once")]
        indexes = [models.Index("owner", Lower("name"), name="contact_name")]

    def __str__(self) -> str:
        return self.name or self.email


class PersonalList(models.Model):
    """People to whom somebody sends together, under a name of his own."""

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="personal_lists")
    name = models.CharField("Name", max_length=200, validators=[check_name])
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "owner",
                Lower("name"),
                name="list_once",
                violation_error_message="You have a list of this name. Capital letters make no difference.",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Member(models.Model):
    """Somebody on a list: a user of the domain, or one of the owner's contacts."""

    id = models.BigAutoField(primary_key=True)
    list = models.ForeignKey(PersonalList, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, null=True, blank=True, related_name="memberships")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["list", "user"], name="list_user_once"),
            models.UniqueConstraint(fields=["list", "contact"], name="list_contact_once"),
            models.CheckConstraint(
                condition=Q(user=None, contact__isnull=False) | Q(user__isnull=False, contact=None), name="list_of_one"
            ),
        ]

    def __str__(self) -> str:
        return self.who

    @property
    def who(self) -> str:
        """What the member is called."""
        return str(self.user or self.contact)

    @property
    def address(self) -> str:
        """The member's e-mail address."""
        return self.user.email if self.user else self.contact.email if self.contact else ""
