"""Home server rules, why each person lives where he lives, and what a recalculation does about it."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from posthouse.accounts.models import User
from posthouse.accounts.rules import check_name
from posthouse.cluster.models import Server
from posthouse.homes.patterns import LENGTH
from posthouse.jobs.models import Work
from posthouse.lib.capitals import refuse_twin
from posthouse.lib.ids import uuid7

PATTERNS = ("email_pattern", "login_pattern", "group_pattern", "dn_pattern")
PAIRS = 3
"""Pairs of an LDAP field and its regex in a rule."""

TAKEN = "Another rule has this name. Capital letters make no difference."


class Rule(models.Model):
    """A home server rule. The master makes rules and slaves hold copies: they need those for external recipients."""

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField("Rule Name", max_length=100, validators=[check_name])
    position = models.PositiveIntegerField(default=0, help_text="rules apply from the lowest to the highest")
    external = models.BooleanField("External email recipient", default=False)
    email_pattern = models.CharField("Email address regex", max_length=LENGTH, blank=True, default="")
    login_pattern = models.CharField("User name regex", max_length=LENGTH, blank=True, default="")
    group_pattern = models.CharField("Active Directory group regex", max_length=LENGTH, blank=True, default="")
    dn_pattern = models.CharField("Active Directory DN regex", max_length=LENGTH, blank=True, default="")
    ldap: models.JSONField[list[list[str]], list[list[str]]] = models.JSONField(
        default=list, help_text="up to three pairs of LDAP field name and regex"
    )
    home = models.ForeignKey(Server, verbose_name="Home server", on_delete=models.PROTECT, related_name="+")
    examples: models.JSONField[list[str], list[str]] = models.JSONField(
        default=list, help_text="people and addresses that must land on the rule's home server; on the master only"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("name"),
                condition=Q(removed_at=None),
                name="rule_name_once",
                violation_error_message=TAKEN,
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse a name that another one has in other capitals."""
        refuse_twin(Rule.objects.filter(removed_at=None).exclude(pk=self.pk), self.name, TAKEN)

    @property
    def conditions(self) -> list[tuple[str, str]]:
        """The fields that the rule looks at, as the pages call them, with their patterns."""
        fields = PATTERNS[:1] if self.external else PATTERNS
        named = [(str(self._meta.get_field(name).verbose_name), str(getattr(self, name))) for name in fields]  # type: ignore[union-attr]
        pairs = [] if self.external else [(f"LDAP field {name}", pattern) for name, pattern in self.ldap]
        return [(name, pattern) for name, pattern in named + pairs if pattern]


class Default(models.Model):
    """The server for those whom no rule matches. One row, whose lock is also that of whoever changes rules."""

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    server = models.ForeignKey(
        Server, verbose_name="Default Server", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    settled = models.CharField(
        max_length=32, default="", editable=False, help_text="digest of the rules by which everybody was found placed"
    )

    def __str__(self) -> str:
        return str(self.server or "not chosen")


class Placement(models.Model):
    """Why a person has his home server. On the master only."""

    class Kind(models.TextChoices):
        RULE = "rule", "Rule"
        DEFAULT = "default", "Default Server"
        HAND = "hand", "By hand"
        NONE = "none", "No default"

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="placement")
    kind = models.CharField(max_length=8, choices=Kind)
    home = models.ForeignKey(Server, on_delete=models.PROTECT, null=True, related_name="+")
    rule = models.ForeignKey(Rule, on_delete=models.SET_NULL, null=True, related_name="+")
    basis = models.CharField(
        max_length=32, default="", db_index=True, help_text="the rules up to the one that decided, as a digest"
    )
    by = models.CharField(max_length=200, blank=True, default="", help_text="who chose the server by hand")
    at = models.DateTimeField(help_text="when it was decided so")

    def __str__(self) -> str:
        return f"{self.user_id}: {self.kind}"


class Recalculation(Work):
    """Placing everybody anew after rules were changed: first a preview, then, if somebody says so, the moves."""

    class Stage(models.TextChoices):
        PREVIEW = "preview", "Preview"
        MOVING = "moving", "Recalculate"

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    stage = models.CharField(max_length=8, choices=Stage, default=Stage.PREVIEW)
    digest = models.CharField(max_length=32, help_text="stands for the rules that it goes by")
    everybody = models.BooleanField(default=False, help_text="also those whose rules have not changed")
    total = models.PositiveIntegerField(default=0, help_text="people to look at")
    looked = models.PositiveIntegerField(default=0, help_text="people looked at in this stage")
    cursor = models.UUIDField(null=True, help_text="the last of them, in the order of their ids")
    movers = models.PositiveIntegerField(default=0, help_text="people who would move")
    moved = models.PositiveIntegerField(default=0, help_text="people who have moved")
    by = models.CharField(max_length=200, default="", help_text="who asked for it")

    class Meta:
        indexes = [models.Index(fields=["-created_at"], name="recalculation_list")]

    def __str__(self) -> str:
        return f"{self.stage} {self.state}"


class Move(models.Model):
    """A person who would move, or has moved, by a recalculation."""

    run = models.ForeignKey(Recalculation, on_delete=models.CASCADE, related_name="moves")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    source = models.ForeignKey(Server, on_delete=models.PROTECT, null=True, related_name="+")
    target = models.ForeignKey(Server, on_delete=models.PROTECT, related_name="+")
    rule = models.ForeignKey(Rule, on_delete=models.SET_NULL, null=True, related_name="+", help_text="empty: default")
    done = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "user"], name="move_once")]

    def __str__(self) -> str:
        return f"{self.user_id} to {self.target_id}"
