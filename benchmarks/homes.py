"""The pages of the Home Server Rules, a preview and a recalculation, at a server of 100,000 people and fifty rules.

Half of the people would move by the rules, the other half stay by the Default Server. Pages are asked for by a client
that is logged in, over TLS; the seconds of a preview and of the moves are from the click to the end that the page
shows. Each on SQLite and on PostgreSQL, both on the disk.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from uuid import UUID

from benchmarks.master_and_slave import DATABASES, PASSWORD, Pair
from posthouse.cli.browser import Answer
from posthouse.cli.client import Client

PEOPLE = int(os.environ.get("POSTHOUSE_BENCHMARK_PEOPLE", "100000"))
RULES = 50
PAGES = 5
LIMIT_PAGE_SECONDS = 1.0
LIMIT_MB = 250
PLACE = "server/multi-server/rules/"


def run(folder: Path) -> Iterator[str]:
    """Measure, and yield the lines of the outcome. Raises RuntimeError when a page is slow, or a process large."""
    folder.chmod(0o755)  # PostgreSQL runs as somebody else
    for database in DATABASES:
        with Pair(folder, database, PEOPLE, 1, 10) as pair, pair.master.client() as boss:
            boss.log_in("paris-admin", PASSWORD)
            make_rules(boss)
            pair.forget_peaks()
            slow = 0.0
            for line, seconds in measure(boss):
                slow = max(slow, seconds)
                yield f"homes: {database}: {line}"
            size = pair.peaks()[0]
        yield f"homes: {database}: {size} MB at most in a process"
        if slow > LIMIT_PAGE_SECONDS or size > LIMIT_MB:
            raise RuntimeError(f"{LIMIT_PAGE_SECONDS} s for a page and {LIMIT_MB} MB are the limit")


def make_rules(boss: Client) -> None:
    """Choose the Default Server, and make the rules: a thousandth of the people each, with an example."""
    fill_in(boss, {"server": "paris"})
    for number in range(RULES):
        login = f"u{number * PEOPLE // (2 * RULES):07d}"
        pattern = f"^u00{number:02d}" if PEOPLE == 100_000 else f"^{login[:-2]}"
        fill_in(boss, {"name": f"Rule {number}", "login_pattern": pattern, "home": "tokyo", "examples": login})


def fill_in(boss: Client, fields: dict[str, str]) -> Answer:
    """Send the form of the rules page that has these fields, choosing a server by its name."""
    shown = boss.get(PLACE)
    form = shown.page.form(*fields)
    return boss.fill_in(
        shown, {name: form.choices.get(name, {}).get(value, value) for name, value in fields.items()}, has=fields
    )


def measure(boss: Client) -> Iterator[tuple[str, float]]:
    """Yield what was measured, with the seconds of a page, or nothing for what runs beside the pages."""
    yield page("the rules, some to recalculate", lambda: boss.get(PLACE))
    login = f"u{PEOPLE // 2 - 1:07d}"
    for who in (login, f"{login.upper()}@example.test", "guest@outside.example"):
        yield page(f"Explain {who}", partial(boss.get, f"{PLACE}explain/?q={who}"))
    seconds, told = act(boss, "preview")
    yield f"preview in {seconds:.1f} s: {told}", 0.0
    yield page("Recalculate, with the preview", lambda: boss.get(f"{PLACE}recalculate/"))
    export = next(link for link in boss.get(f"{PLACE}recalculate/").page.links if link.endswith("moves.csv"))
    start = time.perf_counter()
    lines = boss.get(export).text.count("\n")
    yield f"export of {lines:,} lines in {time.perf_counter() - start:.1f} s", 0.0
    seconds, told = act(boss, "carry_out")
    yield f"recalculation in {seconds:.1f} s: {told}", 0.0
    yield page("the rules, nothing to recalculate", lambda: boss.get(PLACE))
    seconds, told = act(boss, "preview")
    yield f"preview when nobody is to be looked at in {seconds:.1f} s: {told}", 0.0
    yield page("the list of accounts", lambda: boss.get("accounts/"))
    person = next(link for link in boss.get(f"accounts/?q={login}").page.links if is_account(link))
    yield page("a user with the reason", lambda: boss.get(person))
    yield page("Set home server for all", lambda: boss.get("accounts/home/?all=on&q=u"))


def page(name: str, get: Callable[[], Answer]) -> tuple[str, float]:
    """Return how long a page takes: the median, for the first one may have had to wait."""
    seconds = []
    for _ in range(PAGES):
        start = time.perf_counter()
        answer = get()
        seconds.append(time.perf_counter() - start)
        if answer.status != 200:
            raise RuntimeError(f"{name}: {answer.status}")
    return f"{name}: {median(seconds) * 1000:.0f} ms", median(seconds)


def act(boss: Client, what: str) -> tuple[float, str]:
    """Choose a button of Recalculate, and return the seconds until the page shows the end, and what it says."""
    shown = boss.get(f"{PLACE}recalculate/")
    run = next((value for form in shown.page.forms for name, value in form.values.items() if name == "run"), "")
    start = time.perf_counter()
    boss.post(f"{PLACE}recalculate/act/", {"act": what, **({"run": run} if what != "preview" else {})})
    while re.search("Looking who would move|Moving users", text := boss.get(f"{PLACE}recalculate/").page.text):
        time.sleep(0.1)
    seconds = time.perf_counter() - start
    said = re.search(r"([0-9]+ users?|Nobody) (would move|moved)", text)
    return seconds, said[0] if said else text[:300]


def is_account(link: str) -> bool:
    """Whether a link leads to an account."""
    try:
        UUID(link.rstrip("/").rsplit("/", 1)[-1])
    except ValueError:
        return False
    return "/accounts/" in link
