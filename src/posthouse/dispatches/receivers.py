"""What happens to packages here, and which servers are told of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.dispatch import receiver

from posthouse.cluster import servers
from posthouse.dispatches import outbox
from posthouse.dispatches.models import Dispatch
from posthouse.packages.models import Delivery, Package
from posthouse.packages.signals import package_ended, package_fetched, package_hidden, terms_changed

Kind = Dispatch.Kind


@receiver(package_fetched)
def _fetched(delivery: Delivery, **_: Any) -> None:
    package, here = delivery.package, servers.this()
    if package.origin_id == here.pk or delivery.home_id != here.pk or delivery.first_fetched_at is None:
        return
    facts = {
        "recipient": str(delivery.recipient_id or delivery.email),
        "files": delivery.fetched_files,
        "first": delivery.first_fetched_at.isoformat(),
        "whole": delivery.fetched_at.isoformat() if delivery.fetched_at else None,
    }
    outbox.tell([package.origin_id], Kind.FETCHED, package.pk, facts)


@receiver(package_hidden)
def _hidden(delivery: Delivery, **_: Any) -> None:
    package, here = delivery.package, servers.this()
    if package.origin_id == here.pk or delivery.home_id != here.pk or delivery.hidden_at is None:
        return
    facts = {"recipient": str(delivery.recipient_id or delivery.email), "at": delivery.hidden_at.isoformat()}
    outbox.tell([package.origin_id], Kind.HIDDEN, package.pk, facts)


@receiver(package_ended)
def _ended(package: Package, **_: Any) -> None:
    if package.end != Package.End.EXPIRED:  # that, every server sees for itself
        outbox.tell(_homes(package), Kind.ENDED, package.pk, {"how": package.end, "who": package.ended_by})


@receiver(terms_changed)
def _terms(package: Package, **_: Any) -> None:
    facts = {
        "release": package.release_at.isoformat() if package.release_at else None,
        "expires": package.expires_at.isoformat() if package.expires_at else None,
    }
    outbox.tell(_homes(package), Kind.TERMS, package.pk, facts)


def _homes(package: Package) -> list[UUID]:
    """Return the other servers to which a package of this one was sent."""
    here = servers.this()
    if package.origin_id != here.pk:
        return []
    others = package.deliveries.exclude(home=here).filter(home__removed_at=None)
    return list(others.order_by().values_list("home_id", flat=True).distinct())
