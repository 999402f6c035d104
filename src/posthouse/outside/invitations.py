"""Invitations: somebody outside may send packages to a user of this server, a number of times, until a day.

Such a package enters as the inviter's own, to himself: he is its sender and its recipient, and it counts for his quota.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from posthouse.accounts import permissions
from posthouse.accounts.models import User
from posthouse.homes.behind import Left, People
from posthouse.lib.characters import one_line
from posthouse.lib.ids import uuid7
from posthouse.notices import outbox, wordings
from posthouse.notices.letters import Letter, link, moment
from posthouse.notices.wordings import Wording
from posthouse.outside import secrets
from posthouse.outside.models import Invitation
from posthouse.packages import drafts, lifecycle, limits
from posthouse.packages.models import Package

MOST_DAYS, MOST_USES = 90, 100
NOBODY = UUID(int=0)
INVITED = wordings.register(
    Wording(
        name="invitation",
        title="Invitation",
        who="People outside whom somebody invites to send files.",
        subject="{inviter} invites you to send files",
        text="{inviter} asks you for files. With the link below you send them from your browser, without an account.",
        action="Send files",
        variables={"inviter": "Alice"},
        facts={"From": "Alice, alice@example.com", "Until": "30 November 2026, 10:15 UTC", "Note": "The day 12 rushes"},
    )
)


def invite(inviter: User, email: str, note: str, days: int, uses: int) -> Invitation:
    """Invite somebody outside, by e-mail, and return the invitation. The caller has checked what was typed."""
    secret, digest = secrets.new()
    with transaction.atomic():
        made = Invitation.objects.create(
            inviter=inviter,
            email=email.lower(),
            note=note,
            digest=digest,
            expires_at=timezone.now() + timedelta(days=days),
            uses_left=uses,
        )
        outbox.tell_outside(made.email, f"invitation:{made.pk}", _letter(made), secret)
    return made


def good() -> QuerySet[Invitation]:
    """Return the invitations with which something can be sent now, as far as their rows tell."""
    able = Invitation.objects.filter(inviter__is_active=True, inviter__removed_at=None, revoked_at=None)
    return able.filter(expires_at__gt=timezone.now()).select_related("inviter")


def find(secret: str) -> Invitation | None:
    """Return the invitation with this secret, if something can be sent with it, or an upload be gone on with."""
    found = good().filter(digest=secrets.digest(secret)).first()
    # All is asked whatever was found, so that it takes as long.
    begun = unfinished(found or Invitation(inviter_id=NOBODY)).exists()
    role = permissions.standard(found.inviter.role if found else User.Role.USER)
    if found is None or not (found.uses_left or begun):
        return None
    return found if permissions.may(found.inviter, permissions.INVITE, role) else None


def sent_with(invitation: Invitation, browser: str = "") -> QuerySet[Package]:
    """Return what was sent with an invitation, by all browsers or by the one with this mark."""
    return Package.objects.filter(sender_id=invitation.inviter_id, key__startswith=mark(invitation.pk, browser))


def unfinished(invitation: Invitation) -> QuerySet[Package]:
    """Return the packages whose upload was begun with an invitation and is not over, newest first."""
    return sent_with(invitation).filter(status=Package.Status.UPLOADING).order_by("-created_at")


def discard(invitation: Invitation, package: Package) -> bool:
    """End an upload that nobody goes on with, and give its use back; False if it is not uploading any more."""
    with transaction.atomic():
        if not lifecycle.give_up(package, "Whoever was invited discarded it before all files were uploaded."):
            return False
        spent = Invitation.objects.filter(pk=invitation.pk, used__gt=0)
        spent.update(uses_left=F("uses_left") + 1, used=F("used") - 1)
    return True


def revoke(invitation: Invitation) -> bool:
    """End an invitation; False when it has ended already. What is uploading with it goes on."""
    return bool(good().filter(pk=invitation.pk).update(revoked_at=timezone.now()))


def take(
    invitation: Invitation,
    browser: str,
    title: str,
    note: str,
    files: Sequence[tuple[str, int]],
    key: str,
    envelope: str = "",
) -> Package:
    """Make a package of the inviter's that somebody outside is about to upload in the browser with this mark.

    Raises drafts.Refused, also when the invitation is used up; then it is as it was.
    """
    # The name that the client gives to its call may be as long as a key, and must differ to its end.
    own = hashlib.sha256((key or str(uuid7())).encode()).hexdigest()
    name = f"{mark(invitation.pk, browser)}{own}"[: limits.KEY]
    made = Package.objects.filter(sender=invitation.inviter, key=name).first()
    if made is not None:
        return made
    with transaction.atomic():
        left = good().filter(pk=invitation.pk, uses_left__gt=0)
        # Looked at here, too: a browser that has opened the invitation does not open it again for each package.
        allowed = permissions.may(invitation.inviter, permissions.INVITE)
        if not allowed or not left.update(uses_left=F("uses_left") - 1, used=F("used") + 1):
            raise drafts.Refused({"files": ["The invitation has ended, or was used up. Ask for a new one."]})
        return drafts.create(
            invitation.inviter,
            title,
            note,
            [invitation.inviter.login],
            files,
            name,
            outside_sender=invitation.email,
            envelope=envelope,
        )


def left(inviters: People) -> Left:
    """Count the invitations of these people that lead to this server, for whoever moves them (R68)."""
    found = good().filter(inviter__in=inviters, uses_left__gt=0)
    return Left(found.count(), "open invitation", "open invitations")


def mark(invitation_id: UUID, browser: str = "") -> str:
    """Return how the keys of packages begin that were sent with an invitation, in the browser with this mark if any."""
    return f"outside:{invitation_id.hex[-12:]}:{browser}{':' if browser else ''}"


def _letter(invitation: Invitation) -> Letter:
    inviter = invitation.inviter
    return INVITED.letter(
        {"inviter": str(inviter)},
        {"From": f"{inviter}, {inviter.email}", "Until": moment(invitation.expires_at)}
        | ({"Note": one_line(invitation.note, 1000)} if invitation.note else {}),
        link("outside:invited", outbox.SECRET),
    )
