"""What people do at the command line with packages that are there: list, pass on, recall, release, put aside."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from posthouse.cli import fetching
from posthouse.cli.client import Client
from posthouse.cli.errors import Stop
from posthouse.cli.letter import Letter
from posthouse.cli.post import Place, Say, as_stop, package_id

LISTS = ("received", "sent", "archive")


def forward(place: Place, package: str, letter: Letter, say: Say) -> None:
    """Send the files of a package on in a new one; without a title it keeps that of the first. Raises Stop."""
    at = f"packages/{package_id(package)}"
    with place.client() as client, as_stop():
        if not letter.title:
            letter = replace(letter, title=fetching.contents(client, f"{at}/contents").title)
        value = {**letter.members(), "key": uuid4().hex}
        draft = client.make(f"{at}/forward", value)
    say(f"Package {draft.id} was forwarded. Nothing was uploaded once more.")


def act(place: Place, package: str, way: str, say: Say) -> None:
    """Do something with a package, and say what became of it; `way` is the rest of its address. Raises Stop."""
    with place.client() as client, as_stop():
        say(client.act(f"packages/{package_id(package)}/{way}"))


def listed(place: Place, name: str, words: str, limit: int) -> list[dict[str, Any]]:
    """Return the packages of a list, newest first, all of them or those with these words. Raises Stop."""
    if name not in LISTS:
        raise Stop(f"There is no list {name}: take {', '.join(LISTS)}.", 2)
    if limit < 1:
        raise Stop("--limit is a number from 1.", 2)
    with place.client() as client, as_stop():
        return _rows(client, f"packages/{name}", urlencode({"q": words}) if words else "", limit)


def line(row: dict[str, Any]) -> str:
    """Return a row of a list in one line. Pure."""
    others = row["recipients"] - len(row["to"]) if "to" in row else 0
    people = row.get("from") or ", ".join(row["to"]) + (f" and {others:,} more" if others else "")
    files = f"{row['files']:,} file{'' if row['files'] == 1 else 's'}"
    end = f", {row['status']}" if "status" in row else "" if row["downloaded"] else ", new"
    return f"{row['package']}  {row['time'][:16]}  {people}: {row['title']} ({files}, {row['size']:,} bytes{end})"


def _rows(client: Client, address: str, query: str, limit: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while True:
        found = client.get_json(f"{address}?{query}")
        rows += found["packages"]
        query = found["next"]
        if not query or len(rows) >= limit:
            return rows[:limit]
