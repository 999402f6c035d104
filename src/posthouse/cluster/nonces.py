"""What may happen once: the first one to say so wins, whichever process it is in."""

from __future__ import annotations

import hashlib

from django.db import IntegrityError, transaction
from django.utils import timezone

from posthouse.cluster.models import Nonce


def spend(name: str) -> bool:
    """Note that something has happened; False if it had happened before. It is remembered for 15 minutes."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    try:
        with transaction.atomic():
            Nonce(digest=digest, seen_at=timezone.now()).save(force_insert=True)
    except IntegrityError:
        return False
    return True
