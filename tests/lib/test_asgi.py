"""What servers hand to the application, in the shape that it understands."""

from __future__ import annotations

from posthouse.lib.asgi import with_one_cookie


def test_cookies_that_a_browser_sends_one_by_one_over_http2_are_joined():
    scope = {"type": "http", "headers": [(b"cookie", b"a=1"), (b"accept", b"*/*"), (b"cookie", b"b=2; c=3")]}
    assert with_one_cookie(scope)["headers"] == [(b"accept", b"*/*"), (b"cookie", b"a=1; b=2; c=3")]


def test_a_request_with_one_cookie_field_or_none_is_left_as_it_is():
    for headers in [[], [(b"cookie", b"a=1; b=2")]]:
        scope = {"type": "http", "headers": headers}
        assert with_one_cookie(scope) is scope
