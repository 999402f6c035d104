"""Answers to people, who get pages, and to programs, which get JSON if they accept nothing else."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse

from posthouse.packages.models import Delivery, Package
from posthouse.packages.templatetags.packages import shown_status


def is_program(request: HttpRequest) -> bool:
    """Return whether the answer is for a program."""
    return request.headers.get("Accept") == "application/json"


def done(request: HttpRequest, page: HttpResponse, said: str, *, well: bool = True) -> HttpResponse:
    """Answer that something was done, or was not: the page with a message, or {done, said}, with status 409 if not."""
    if is_program(request):
        return JsonResponse({"done": well, "said": said}, status=200 if well else 409)
    (messages.success if well else messages.error)(request, said)
    return page


def row(shown: Package | Delivery) -> dict[str, Any]:
    """Return what a list shows of a package that somebody sent, or that he has received."""
    package = shown.package if isinstance(shown, Delivery) else shown
    told: dict[str, Any] = {
        "package": str(package.pk),
        "title": package.title,
        "files": package.file_count,
        "size": package.size,
        "encrypted": package.encrypted,
    }
    if isinstance(shown, Delivery):
        return told | {
            "from": package.outside_sender or str(package.sender),
            "time": shown.available_at,
            "downloaded": shown.first_fetched_at is not None,
        }
    # `listing` adds these, for one query does for all rows
    named, count = getattr(package, "named", ()), getattr(package, "recipient_count", 0) or 0
    return told | {
        "to": [delivery.who for delivery in named],
        "recipients": count,
        "time": package.created_at,
        "status": shown_status(package),
    }
