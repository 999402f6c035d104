"""What happens to packages on one server, as its users and its worker do it. Runs in that server's process."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.audit.log import Who
from posthouse.cluster.models import Server
from posthouse.dispatches import outbox
from posthouse.jobs import leases
from posthouse.jobs.job import Job
from posthouse.packages import access, arrivals, drafts, ending, forwarding, lifecycle, manifest, manifests
from posthouse.packages.models import Delivery, File, Package
from posthouse.store import blobs


def send(
    sender: str, title: str, openly: list[str], private: list[str], cc: list[str], *, later: bool
) -> dict[str, Any]:
    """Send a package of one empty file, which is complete at once."""
    terms = drafts.Terms(release_at=timezone.now() + timedelta(days=1) if later else None, keep_days=7)
    user = User.objects.get(login=sender)
    copies = dict.fromkeys(("upload", "receipt", "download"), cc)
    package = drafts.create(user, title, "", openly, [(f"{title}.mov", 0)], private=private, cc=copies, terms=terms)
    return _facts(package)


def forward(sender: str, package: str, title: str, openly: list[str], private: list[str]) -> dict[str, Any] | None:
    """Pass a package on; None when that is refused."""
    user = User.objects.get(login=sender)
    found = access.may_fetch(user, Package.objects.get(pk=package).pk)
    if found is None:
        return None
    return _facts(forwarding.forward(user, found, title, "", openly, private=private))


def _facts(package: Package) -> dict[str, Any]:
    rows = package.deliveries.values_list("recipient__login", "email", "home__name", "private")
    people = {login or email: (home, private) for login, email, home, private in rows}
    return {"package": str(package.pk), "people": people}


def pack(package: str, to: str) -> str:
    """Return the manifest that a relay takes to another server."""
    found = Package.objects.get(pk=package)
    return base64.b64encode(manifest.dumps(manifests.of(found, Server.objects.get(name=to)))).decode()


def admit(packed: str, source: str) -> bool:
    """Take in what a relay brought; False when the package has ended meanwhile."""
    read = manifest.loads(base64.b64decode(packed))
    try:
        arrivals.admit(read, Server.objects.get(name=source), {one.number: blobs.create(0) for one in read.blobs})
    except arrivals.Over:
        return False
    return True


def end(package: str, how: str) -> bool:
    """Recall or delete a package."""
    return ending.end(Package.objects.get(pk=package).pk, how, Who("Somebody"))


def release(package: str) -> bool:
    """Release a package that waits."""
    return lifecycle.release_now(Package.objects.get(pk=package).pk)


def expire(package: str) -> None:
    """Let the time of a package be over on this server, and its worker notice."""
    Package.objects.filter(pk=package, ended_at=None).update(expires_at=timezone.now() - timedelta(seconds=1))
    ending.expire()
    ending.free()


def put(login: str, package: str, place: str) -> bool:
    """Archive a package for a recipient, or delete it for him."""
    mine = access.delivery(User.objects.get(login=login), Package.objects.get(pk=package).pk)
    if mine is None:
        return False
    if place == "delete":
        ending.hide(mine)
    else:
        Delivery.objects.filter(pk=mine.pk).update(archived_at=timezone.now())
    return True


def move(login: str, home: str) -> None:
    """Give somebody another home server, as the sync does on each server."""
    User.objects.filter(login=login).update(home=Server.objects.get(name=home))


def told() -> int:
    """Tell the other server what is to be told; return how many channels had something."""
    count = 0
    while channel := leases.claim(outbox.due(), "test"):
        outbox.send(Job(channel))
        count += 1
    return count


def ended() -> list[str]:
    """Return the packages that have ended here."""
    return [str(pk) for pk in Package.objects.filter(ended_at__isnull=False).values_list("pk", flat=True)]


def wipe() -> None:
    """Forget all packages, and give everybody his first home."""
    from posthouse.dispatches.models import Channel, Dispatch, Heard
    from posthouse.notices.models import OutgoingMail
    from posthouse.packages.models import Ended
    from posthouse.relays.models import Relay
    from tests.access import ways

    for model in (OutgoingMail, Relay, Dispatch, Channel, Heard, Ended, File, Package):
        model.objects.all().delete()
    ways.forget()
