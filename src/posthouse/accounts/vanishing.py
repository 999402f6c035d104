"""When so many accounts vanish at once that it must be a mistake, unless an administrator says otherwise. Pure."""

from __future__ import annotations


def is_too_many(vanishing: int, present: int, share: int, minimum: int) -> bool:
    """Return whether so many of the accounts that are present may not vanish at once.

    `share` is in percent. A few, fewer than `minimum`, may always vanish: in a small cluster one is a large share.
    """
    return vanishing >= minimum and vanishing * 100 > present * share
