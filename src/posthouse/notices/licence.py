"""Telling administrators that the licence of this server ends, or has ended (R1)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from posthouse.licensing import here, judging, licences
from posthouse.licensing.judging import Standing, State
from posthouse.licensing.tokens import Terms
from posthouse.notices import outbox
from posthouse.notices.conditions import Condition
from posthouse.notices.letters import Letter, link

PAGE = "licensing:licence"


def conditions() -> Iterator[Condition]:
    """Yield what is wrong with the licence, while it is so."""
    if not licences.needed():
        return
    standing, name = licences.standing(), here.this().name
    if standing.state is State.VALID:
        if standing.terms is not None and standing.ends_soon(timezone.now()):
            yield Condition(f"The licence of {name} ends on {judging.last_day(standing.terms)}.", PAGE, "Licence")
    else:
        waits = "Nothing is synced and packages wait for their relay."
        yield Condition(f"{judging.shortcoming(standing, name)} {waits}", PAGE, "Licence")


def tell() -> None:
    """Tell every administrator once that the licence ends soon, and once that it has ended."""
    if not licences.needed():
        return
    standing, now = licences.standing(), timezone.now()
    event = what_to_tell(standing, now)
    if event and standing.terms is not None:
        with transaction.atomic():
            outbox.tell(
                outbox.administrators(), f"licence-{event}:{standing.terms.serial}", _letter(standing.terms, event)
            )


def what_to_tell(standing: Standing, now: datetime) -> str:
    """Return the event to tell of: "ends", "ended", or nothing. Pure."""
    if standing.state is State.ENDED:
        return "ended"
    return "ends" if standing.ends_soon(now) else ""


def _letter(terms: Terms, event: str) -> Letter:
    name = here.this().name
    what = f"The licence of {name} {'has ended' if event == 'ended' else f'ends on {judging.last_day(terms)}'}"
    return Letter(
        subject=what,
        text=f"{what}. Without a valid one, {name} is not synced any more, and its packages wait for their relay until"
        " a new one is installed. Nothing is lost, and people go on logging in. Ask the issuer for a new licence.",
        facts={
            "Licence": f"{terms.serial}, for {terms.licensee}",
            "Valid until": judging.last_day(terms),
            "Id of this server": str(here.this().id),
        },
        link=link(PAGE),
        action="Install a new licence",
    )
