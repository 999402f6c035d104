"""Every way by which somebody might come to a package on one server: pages, calls, downloads, links.

It runs in the process of the server that is tried.
"""

from __future__ import annotations

import asyncio
from typing import Any

from django.conf import settings
from django.test import Client
from django.urls import reverse

from posthouse.accounts.models import User
from posthouse.notices.models import OutgoingMail
from posthouse.packages.models import Delivery, File, Package
from posthouse.transfers.asgi import application

GET = ("detail", "people", "forward", "upload", "expiry")
POST = ("release", "discard")
LISTS = ("received", "sent", "archive")
_visitors: dict[str, Client] = {}
"""Browsers that have opened links, by their secrets: they keep their cookies while packages end."""


def forget() -> None:
    """Close all browsers of people outside."""
    _visitors.clear()


def of_all(logins: list[str], titles: dict[str, str]) -> dict[str, dict[str, list[str]]]:
    """Return by login, and by package, the ways by which each person comes to anything of it. Nothing is changed."""
    found: dict[str, dict[str, list[str]]] = {}
    for login in logins:
        client = Client()
        client.force_login(User.objects.get(login=login))
        lists = {name: client.get(reverse(f"packages:{name}"), secure=True).content.decode() for name in LISTS}
        found[login] = {
            package: _ways(client, package) + [name for name in LISTS if title in lists[name]]
            for package, title in titles.items()
        }
    return found


def shown_people(login: str, package: str) -> str:
    """Return what a person is shown of a package's recipients."""
    client = Client()
    client.force_login(User.objects.get(login=login))
    pages = [reverse(f"packages:{name}", args=[package]) for name in ("detail", "people")]
    return "".join(client.get(page, secure=True).content.decode() for page in pages)


def tampering(login: str, package: str) -> list[int | str]:
    """Have somebody who has nothing to do with a package act on it; return the status of each answer, or "log in"."""
    client = Client()
    client.force_login(User.objects.get(login=login))
    places = [reverse(f"packages:{name}", args=[package]) for name in (*POST, "forward", "expiry")]
    places += [reverse("packages:end", args=[package, how]) for how in ("recall", "delete")]
    places += [reverse("packages:put", args=[package, place]) for place in ("archive", "back", "delete")]
    places += [reverse("outside:again", args=[package, pk]) for pk in _deliveries(package)]
    answers = [client.post(place, {}, secure=True) for place in places]
    asked_in = reverse("accounts:login")
    return ["log in" if answer.get("Location", "").startswith(asked_in) else answer.status_code for answer in answers]


def links() -> dict[str, list[str]]:
    """Return, by package, the ways that all links ever mailed from this server open; "other" if more than their own."""
    found: dict[str, list[str]] = {}
    for mail in OutgoingMail.objects.filter(about__startswith="link:").exclude(secret=""):
        client = _visitors.setdefault(mail.secret, Client())
        opened = client.get(reverse("outside:open", args=[mail.secret]), secure=True)
        ways = ["link"] if opened.status_code == 302 else []
        cookies = "; ".join(f"{name}={one.value}" for name, one in client.cookies.items())
        for package in Package.objects.all():
            for name in _files(str(package.pk)):
                if _download(cookies, str(package.pk), name) == 200:
                    ways.append("download" if package.title in mail.subject else "other")
        title = mail.subject.partition("“")[2].partition("”")[0]
        found.setdefault(title, []).extend(sorted(set(ways)))
    return found


def _ways(client: Client, package: str) -> list[str]:
    ways = [name for name in GET if _get(client, "packages", name, package) == 200]
    ways += ["relays"] if _get(client, "relays", "package", package) == 200 else []
    ways += [how for how in ("recall", "delete") if _get(client, "packages", "end", package, how) == 200]
    cookies = "; ".join(f"{name}={one.value}" for name, one in client.cookies.items())
    return ways + [f"download {name[:3]}" for name in _files(package) if _download(cookies, package, name) == 200]


def _get(client: Client, app: str, name: str, *place: str) -> int:
    return client.get(reverse(f"{app}:{name}", args=place), secure=True).status_code


def _files(package: str) -> list[str]:
    return ["all.zip", *(str(pk) for pk in File.objects.filter(package=package).values_list("pk", flat=True))]


def _deliveries(package: str) -> list[str]:
    return [str(pk) for pk in Delivery.objects.filter(package=package).values_list("pk", flat=True)]


def _download(cookies: str, package: str, name: str) -> int:
    """Return how the data plane answers who wants to know of a file; HEAD leaves no note of it."""
    path = f"{settings.POSTHOUSE.prefix}/transfers/downloads/{package}/{name}"
    headers = [(b"cookie", cookies.encode())]
    scope: dict[str, Any] = {"type": "http", "method": "HEAD", "path": path, "query_string": b"", "headers": headers}
    said: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(event: dict[str, Any]) -> None:
        said.append(event)

    asyncio.run(application(scope, receive, send))
    return int(said[0]["status"])
