"""What reaches Django, and what does not."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponse

from posthouse.config.asgi import THREADS, application, pages

PATH = f"{settings.POSTHOUSE.prefix}/packages/new"


def answer_to(headers: list[tuple[bytes, bytes]], pieces: int) -> tuple[int, int]:
    """Post a body of so many mebibytes to Django; return the status (0: none) and how many of them were read."""
    read, status = 0, 0

    async def receive() -> dict[str, object]:
        nonlocal read
        if read == pieces:
            await asyncio.sleep(3600)
        read += 1
        return {"type": "http.request", "body": bytes(1024 * 1024), "more_body": read < pieces}

    async def send(event: dict[str, object]) -> None:
        nonlocal status
        status = event.get("status", status)  # type: ignore[assignment]

    scope = {
        "type": "http",
        "method": "POST",
        "path": PATH,
        "query_string": b"",
        "root_path": "",
        "scheme": "https",
        "server": ("paris.example", 443),
        "headers": [(b"host", b"paris.example"), *headers],
    }
    asyncio.run(application(scope, receive, send))  # type: ignore[arg-type]
    return status, read


def test_nobody_can_fill_the_memory_with_a_body_that_django_would_take_in_whole() -> None:
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1024**2
    assert answer_to([], pieces=limit + 100) == (0, limit + 1)


def test_a_body_that_declares_too_many_bytes_is_refused_unread() -> None:
    length = str(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1).encode()
    headers = [(b"content-length", length), (b"content-type", b"application/x-www-form-urlencoded")]
    status, read = answer_to(headers, pieces=100)
    assert (status, read) == (403, 0)  # by the CSRF check here, by the length where somebody is logged in


def test_a_long_body_waits_on_the_disk() -> None:
    assert 0 < settings.FILE_UPLOAD_MAX_MEMORY_SIZE <= 1024**2


def test_so_many_requests_at_once_take_a_thread_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    running, most = 0, 0

    async def answer(self: ASGIHandler, request: HttpRequest) -> HttpResponse:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return HttpResponse()

    async def ask_often() -> list[HttpResponse]:
        return await asyncio.gather(*(pages.get_response_async(HttpRequest()) for _ in range(3 * THREADS)))

    monkeypatch.setattr(ASGIHandler, "get_response_async", answer)
    assert len(asyncio.run(ask_often())) == 3 * THREADS
    assert most == THREADS


def test_what_is_loaded_is_not_gone_through_again_in_search_of_garbage() -> None:
    code = (
        "import gc, sys; import posthouse.config.asgi;"
        " assert 'posthouse.packages.views.lists' in sys.modules;"
        " print(gc.get_freeze_count(), len(gc.get_objects()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    frozen, others = map(int, done.stdout.split())
    assert frozen > 10 * others
