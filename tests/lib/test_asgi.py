"""What servers hand to the application, in the shape that it understands."""

from __future__ import annotations

import asyncio

from posthouse.lib.asgi import with_bounded_body, with_one_cookie


def test_cookies_that_a_browser_sends_one_by_one_over_http2_are_joined():
    scope = {"type": "http", "headers": [(b"cookie", b"a=1"), (b"accept", b"*/*"), (b"cookie", b"b=2; c=3")]}
    assert with_one_cookie(scope)["headers"] == [(b"accept", b"*/*"), (b"cookie", b"a=1; b=2; c=3")]


def test_a_request_with_one_cookie_field_or_none_is_left_as_it_is():
    for headers in [[], [(b"cookie", b"a=1; b=2")]]:
        scope = {"type": "http", "headers": headers}
        assert with_one_cookie(scope) is scope


def received(headers, events, limit=10, calls=1, patience=60.0):
    """Return what an application gets from its first calls of `receive`, and how many events were left unread."""
    waiting = list(events)

    async def receive():
        if not waiting:
            await asyncio.sleep(3600)
        return waiting.pop(0)

    async def run():
        bounded = with_bounded_body({"headers": headers}, receive, limit, patience)
        return [await bounded() for _ in range(calls)]

    return asyncio.run(run()), len(waiting)


def piece(body, more=True):
    return {"type": "http.request", "body": body, "more_body": more}


GONE = {"type": "http.disconnect"}


def test_a_body_of_ordinary_length_is_handed_on_as_it_comes():
    events = [piece(b"12345"), piece(b"67890", more=False), GONE]
    assert received([(b"content-length", b"10")], events, calls=3) == (events, 0)


def test_a_body_that_says_that_it_is_too_long_is_not_read():
    """Django refuses it by its Content-Length, as soon as somebody asks for it."""
    for length in [b"11", b"9" * 5000]:
        got, unread = received([(b"content-length", length)], [piece(b"12345"), piece(b"6"), GONE])
        assert (got, unread) == ([piece(b"", more=False)], 3)


def test_after_the_body_the_application_hears_when_the_client_has_gone_however_long_that_takes():
    events = [piece(b"1", more=False), GONE]
    assert received([], events, calls=2, patience=0.0) == (events, 0)


def test_a_body_that_grows_too_long_ends_its_request():
    assert received([], [piece(b"123456"), piece(b"78901"), piece(b"2")], calls=2) == ([piece(b"123456"), GONE], 1)


def test_a_body_that_stands_still_ends_its_request():
    assert received([], [piece(b"1")], calls=2, patience=0.01) == ([piece(b"1"), GONE], 0)
