"""Names that are one whatever their capitals, in any script. Databases do not agree about that beyond ASCII."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet


def refuse_twin(others: QuerySet[Any], name: str, sentence: str) -> None:
    """Refuse a name beyond ASCII that one of the others has in other capitals; the rest is the unique constraint's.

    SQLite would let in “Öl” beside “öl”, and a slave on PostgreSQL could not hold both. It reads all names: call it
    where somebody saves one, of things that come by the hundred.

    Raises:
        ValidationError: the name is taken; the sentence stands beside the field `name`.

    """
    if not name.isascii() and name.lower() in map(str.lower, others.values_list("name", flat=True).iterator()):
        raise ValidationError({"name": sentence}, code="unique")
