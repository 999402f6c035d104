"""Telling recipients outside of a link that ends soon, and by which they have fetched nothing.

The secret of the link is kept nowhere, so the mail names the one in which the link stands.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from posthouse.notices import outbox, wordings
from posthouse.notices.letters import moment
from posthouse.notices.wordings import Wording
from posthouse.outside import links
from posthouse.packages.telling import SOON

BATCH = 500

ENDS = wordings.register(
    Wording(
        name="outside-expiring",
        title="Link ends soon",
        who=f"Recipients without an account who have fetched nothing by a link that ends within {SOON.days} days.",
        subject="“{title}” of {sender} ends soon",
        text="You have not fetched the package “{title}” of {sender} yet. It can be fetched until {until}, by the link"
        " in the mail that you got on {sent}. Is that mail lost? Then ask {sender} for a new link.",
        action="",
        variables={
            "sender": "Alice",
            "title": "Rushes of day 12",
            "until": "30 November 2026, 10:15 UTC",
            "sent": "25 November 2026, 10:15 UTC",
        },
        facts={"Title": "Rushes of day 12", "From": "Alice, alice@example.com", "Until": "30 November 2026, 10:15 UTC"},
    )
)


def tell_of_end() -> int:
    """Tell whoever has a link that ends soon and has fetched nothing, once for each link; return how many have one."""
    now = timezone.now()
    soon = now + SOON
    waiting = links.good().filter(
        Q(expires_at__lte=soon) | Q(delivery__package__expires_at__lte=soon),
        created_at__lt=now - timedelta(days=1),
        delivery__first_fetched_at=None,
    )
    count = 0
    for link in waiting.order_by("pk")[:BATCH]:
        delivery, package = link.delivery, link.delivery.package
        ends = min(end for end in (link.expires_at, package.expires_at) if end)
        if ends <= now:
            continue
        values = {
            "sender": str(package.sender),
            "title": package.title,
            "until": moment(ends),
            "sent": moment(link.created_at),
        }
        facts = {
            "Title": package.title,
            "From": f"{package.sender}, {package.sender.email}",
            "Until": moment(ends),
        }
        outbox.tell_outside(delivery.email, f"link-ends:{link.pk}", ENDS.letter(values, facts), "")
        count += 1
    return count
