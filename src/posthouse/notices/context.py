"""What pages know of the conditions that need an administrator."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from posthouse.notices.conditions import Condition, current


def conditions(request: HttpRequest) -> dict[str, Any]:
    """Return the conditions that hold now, for administrators. They are worked out only where a template shows them."""

    def attention() -> list[Condition]:
        return current() if getattr(getattr(request, "user", None), "is_administrator", False) else []

    return {"attention": attention}
