"""People and what they may do."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Lower

from posthouse.accounts.encryption import EncryptionRule as EncryptionRule
from posthouse.accounts.preferences import ROWS, check_zone
from posthouse.accounts.rules import check_login, check_name, normal
from posthouse.accounts.standards import Standard as Standard
from posthouse.accounts.vanishing import is_too_many
from posthouse.cluster.models import Server
from posthouse.lib.capitals import refuse_twin
from posthouse.lib.ids import uuid7

WORKGROUP_TAKEN = "Another workgroup has this name. Capital letters make no difference."


class UserManager(BaseUserManager["User"]):
    """Makes users; Django's log-in finds them through it."""

    def get_by_natural_key(self, username: str | None) -> User:
        """Return the user of the domain with this user name, whatever its case."""
        return self.named(username or "").get(local=False)

    def named(self, login: str) -> models.QuerySet[User]:
        """Return who has this user name, whatever its case: a user of the domain, a local account, both or nobody."""
        # The database lowers both sides: its idea of lower case is the one that the unique constraint has.
        return self.present().annotate(lowered=Lower("login")).filter(lowered=Lower(Value(normal(login))))

    def present(self) -> models.QuerySet[User]:
        """Return everybody who was not removed."""
        return self.filter(removed_at=None)

    def able(self) -> models.QuerySet[User]:
        """Return everybody who can log in somewhere."""
        return self.present().filter(is_active=True)


class User(AbstractBaseUser):
    """One person. The master makes users and slaves hold copies, except local ones, which belong to one server."""

    class Role(models.TextChoices):
        ADMINISTRATOR = "administrator", "Administrator"
        USER = "user", "User"

    class Mails(models.TextChoices):
        EVERY = "every", "One for each package that arrives"
        ALL = "all", "One for each package that arrives, that I have sent, and that was downloaded"
        DAILY = "daily", "One a day, with all of that"
        NONE = "none", "None"

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Rows are copied between servers: when somebody was last at one of them is not a fact of the account.
    last_login = None
    login = models.CharField("User name", max_length=150, validators=[check_login])
    name = models.CharField("Name", max_length=200, validators=[check_name])
    email = models.EmailField("E-mail address", max_length=254)
    role = models.CharField(max_length=16, choices=Role, default=Role.USER)
    is_active = models.BooleanField("Active", default=True)
    local = models.BooleanField(
        default=False,
        help_text="lives on this server only: never copied by the sync, never overwritten by it",
    )
    home = models.ForeignKey(
        Server,
        verbose_name="Home server",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="residents",
    )
    home_by_hand = models.BooleanField(default=False, help_text="set by an administrator, not by a rule")
    directory = models.UUIDField(
        null=True,
        blank=True,
        help_text="the connection on the master from which the account comes; empty: made by hand",
    )
    password_at = models.DateTimeField(
        null=True, blank=True, help_text="when the password was chosen; empty: with the account"
    )
    permissions = models.CharField(
        max_length=200,
        blank=True,
        default="",
        help_text="what is given or taken, beside what the role gives: +outside -invite",
    )
    quota = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="bytes that may be sent within the role's days; empty: as the role has it"
    )
    package_limit = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="bytes of one package; empty: as the role has it"
    )
    time_zone = models.CharField(
        "Time zone", max_length=64, blank=True, default="", validators=[check_zone], help_text="empty: UTC"
    )
    mails = models.CharField("E-mails about packages", max_length=10, choices=Mails, default=Mails.EVERY)
    rows = models.PositiveSmallIntegerField(
        "Rows per page", choices=[(count, str(count)) for count in ROWS], default=50
    )
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    USERNAME_FIELD = "login"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name", "email"]

    objects: ClassVar[UserManager] = UserManager()

    @classmethod
    def normalize_username(cls, username: str) -> str:
        """Return a user name as it is stored; Django's `clean` puts it there on all ways into the database."""
        return normal(username)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("login"),
                "local",
                condition=Q(removed_at=None),
                name="login_once",
                violation_error_message="Another account has this user name. Capital letters make no difference.",
            ),
        ]
        indexes = [
            models.Index(Lower("login"), name="user_login_lower"),
            models.Index(Lower("name"), name="user_name_lower"),
            models.Index(Lower("email"), name="user_email_lower"),
        ]

    def __str__(self) -> str:
        return self.name or self.login

    @property
    def is_administrator(self) -> bool:
        """Whether this person administers the server."""
        return self.role == self.Role.ADMINISTRATOR


class Workgroup(models.Model):
    """People who are addressed together. The master makes workgroups and slaves hold copies."""

    class Senders(models.TextChoices):
        EVERYBODY = "everybody", "Everybody"
        MEMBERS = "members", "Its members"
        ADMINISTRATORS = "administrators", "Its administrators"

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField("Name", max_length=200, validators=[check_name])
    description = models.TextField("Description", blank=True, default="", max_length=2000)
    senders = models.CharField("Who may send to it", max_length=14, choices=Senders, default=Senders.EVERYBODY)
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("name"),
                condition=Q(removed_at=None),
                name="workgroup_name_once",
                violation_error_message=WORKGROUP_TAKEN,
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse a name that another one has in other capitals."""
        refuse_twin(Workgroup.objects.filter(removed_at=None).exclude(pk=self.pk), self.name, WORKGROUP_TAKEN)


class Membership(models.Model):
    """A person is in a workgroup. Ended memberships are deleted. A cluster may have millions of these rows.

    So they have no id of their own, and the database does not look up both ends of each one that is written: that
    would take longer than all else when a slave takes over a cluster's people. People and workgroups are removed
    softly, so neither end goes away.
    """

    pk = models.CompositePrimaryKey("user_id", "workgroup_id")
    user = models.ForeignKey(User, on_delete=models.CASCADE, db_constraint=False, db_index=False)
    workgroup = models.ForeignKey(Workgroup, on_delete=models.CASCADE, db_constraint=False)
    is_administrator = models.BooleanField(default=False, help_text="may change the workgroup and its members")

    class Meta:
        default_related_name = "memberships"

    def __str__(self) -> str:
        return f"{self.user_id} in {self.workgroup_id}"


class Entry(models.Model):
    """What a directory says of a person, as rules read it. On the server that reads the directory only."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="entry")
    connection = models.UUIDField(help_text="the directory connection that read it")
    uid = models.CharField(
        max_length=64, help_text="objectGUID or entryUUID: stays the same when everything else changes"
    )
    dn = models.TextField(help_text="distinguished name")
    groups: models.JSONField[list[str], list[str]] = models.JSONField(
        default=list, help_text="names of all groups that the person is in, through nested ones too"
    )
    fields: models.JSONField[dict[str, list[str]], dict[str, list[str]]] = models.JSONField(
        default=dict, help_text="LDAP field, in lower case → its values"
    )
    read_at = models.DateTimeField(help_text="when it was last read")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "uid"], name="entry_once")]

    def __str__(self) -> str:
        return self.dn


class Guard(models.Model):
    """How many accounts may vanish in one sync or one directory import before an administrator is asked. One row."""

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    share = models.PositiveSmallIntegerField(
        "Accounts that may vanish at once, in percent",
        default=20,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
    )
    minimum = models.PositiveIntegerField(
        "Fewer than this many may always vanish",
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(1_000_000)],
    )

    def __str__(self) -> str:
        return f"{self.share} %, at least {self.minimum}"

    @classmethod
    def in_force(cls) -> Guard:
        """Return what administrators have set, or what holds until they do."""
        return cls.objects.filter(pk=cls.ONLY).first() or cls()

    def stops(self, vanishing: int, present: int) -> bool:
        """Return whether so many of the accounts that are present may not vanish without an administrator's word."""
        return is_too_many(vanishing, present, self.share, self.minimum)
