"""The client reads forms and links as a browser does."""

from __future__ import annotations

import pytest

from posthouse.cli.pages import Page

HTML = """
<h1>Accounts</h1> <a href="/new">New</a>
<form action="/search"><input name="q"></form>
<form method="post" action="save">
  <input type="hidden" name="csrfmiddlewaretoken" value="abc">
  <input name="login" value="al&amp;ice"> <input type="submit" name="go" value="Go">
  <input type="checkbox" name="active" checked> <input type="checkbox" name="local" value="yes">
  <select name="home"><option value="">None</option><option value="2" selected>tokyo</option></select>
  <select name="role"><option value="user">User</option><option value="administrator">Administrator</option></select>
  <textarea name="note">two
lines</textarea>
</form>
"""


def test_a_form_is_found_by_its_fields_and_sends_what_it_holds() -> None:
    form = Page(HTML).form("login", "local")
    assert (form.method, form.action) == ("post", "save")
    assert form.values == {
        "csrfmiddlewaretoken": "abc",
        "login": "al&ice",
        "active": "on",
        "home": "2",
        "role": "user",
        "note": "two\nlines",
    }


def test_a_choice_is_made_by_what_the_page_says() -> None:
    assert Page(HTML).form("home").choices["home"] == {"None": "", "tokyo": "2"}


def test_a_form_that_is_not_there_is_an_error_that_shows_the_page() -> None:
    with pytest.raises(LookupError, match="Accounts"):
        Page(HTML).form("password")


def test_links_and_text_are_read() -> None:
    page = Page(HTML)
    assert page.links == ["/new"]
    assert page.text.startswith("Accounts New")
