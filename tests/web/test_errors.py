"""Requests that cannot be answered get a page that says what to do."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse

from posthouse.accounts.models import User
from posthouse.web import errors


def request() -> HttpRequest:
    return RequestFactory().get("/")


def test_what_is_not_there_gets_a_page_in_the_products_look(client: Client, alice: User) -> None:
    client.force_login(alice)
    answer = client.get(reverse("front") + "nothing-here", secure=True)
    assert answer.status_code == 404
    assert b"There is nothing here" in answer.content
    assert b"posthouse.css" in answer.content
    assert b"New Package" in answer.content, "the navigation is there to go on with"


def test_a_refusal_may_say_why_and_always_says_what_to_do() -> None:
    assert b"Only on Mondays." in errors.forbidden(request(), PermissionDenied("Only on Mondays.")).content
    assert b"ask an administrator" in errors.forbidden(request(), PermissionDenied()).content


def test_a_damaged_request_is_answered() -> None:
    answer = errors.bad_request(request(), ValueError("secret"))
    assert answer.status_code == 400
    assert b"secret" not in answer.content


def test_a_form_without_its_token_changes_nothing_and_says_so(db: None) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post(reverse("accounts:login"), {"username": "a", "password": "b"}, secure=True)
    assert answer.status_code == 403
    assert b"load the page again" in answer.content


def test_a_failure_is_shown_without_the_database() -> None:
    # No database fixture: pytest-django refuses any query.
    answer = errors.server_error(request())
    assert answer.status_code == 500
    assert b"The server failed" in answer.content
    assert b"paris" in answer.content


@pytest.mark.django_db
def test_every_page_carries_the_strict_policy(client: Client) -> None:
    answer = client.get(reverse("accounts:login"), secure=True)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
