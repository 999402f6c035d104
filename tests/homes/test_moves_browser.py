"""In a real browser: who would move and why, the moves, and home servers set by hand (R53, R54, M8, R68)."""

from __future__ import annotations

import csv
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from posthouse.accounts.models import User
from posthouse.audit.log import Who
from posthouse.cluster.models import Server
from posthouse.homes import placing, runs
from posthouse.homes.models import Rule
from posthouse.packages.models import Package
from tests.conftest import make_user
from tests.homes.conftest import choose_default, make_rule
from tests.homes.test_runs import carry_out, preview, work
from tests.web.looks import look
from tests.web.test_browser import Visit, visit

__all__ = ["visit"]  # the fixture

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Result = TypeVar("Result")
BOSS = Who("Admin")


def aside(act: Callable[[], Result]) -> Result:
    """Do something with the database in another thread: Playwright's event loop keeps this one from it."""

    def closing() -> Result:
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(closing).result()


def work_off() -> None:
    """Do what the worker does with the newest run."""
    run = runs.latest()
    assert run is not None
    work(run)


@pytest.fixture
def crowd(paris: Server, tokyo: Server, rio: Server, admin: User) -> list[User]:
    """Forty-three people at paris, all placed: thirty who will belong to tokyo, twelve to rio, one by hand."""
    choose_default(paris)
    made = [make_user(f"asia{number:02}", paris) for number in range(30)]
    made += [make_user(f"brasil{number:02}", paris) for number in range(12)]
    long = made[0]
    long.name = "Evelyn Very-Long-Name of the Department of Extraordinarily Lengthy Titles"
    long.save()
    Package.objects.create(title="Rushes", sender=long, origin=paris, closed_at=timezone.now())
    hank = make_user("hank", paris, home_by_hand=True)
    placing.place({user.pk for user in (*made, hank, admin)}, "Ada")
    return [*made, hank]


def new_rules(tokyo: Server, rio: Server) -> None:
    """Make the rules by which they will move."""
    make_rule("Everybody of the studios in Asia", tokyo, login_pattern="^asia")
    make_rule("Brasil", rio, login_pattern="^brasil")


def test_recalculate_is_accessible_in_each_of_its_states(
    visit: Visit, admin: User, crowd: list[User], tokyo: Server, rio: Server
) -> None:
    new_rules(tokyo, rio)

    def walk(page: Page, address: str) -> list[str]:
        place = address + reverse("homes:recalculate")
        found = []

        def see(name: str, words: str, act: Callable[[], object] = lambda: None) -> None:
            aside(act)
            found.extend(look(page, place, name))
            expect(page.get_by_text(words).first).to_be_visible()

        see("recalculate-running", "Looking who would move", lambda: runs.start("Admin"))
        see("recalculate-preview", "42 users would move", work_off)
        expect(page.get_by_text("30 from paris to tokyo")).to_be_visible()
        see("recalculate-outdated", "make a new one", lambda: Rule.objects.filter(name="Brasil").update(home=tokyo))
        see("recalculate-done", "42 users moved", lambda: carry_out(preview()))
        see("recalculate-nobody", "Nobody would move", preview)

        def fail() -> None:
            Rule.objects.filter(name="Brasil").update(home=rio)
            run = preview()
            runs.carry_out(run.pk, BOSS)
            runs.cancel(run.pk, BOSS)

        see("recalculate-failed", "Cancelled by Admin.", fail)
        return found

    assert visit(walk, admin) == []


def test_the_home_server_on_the_pages_of_accounts_is_accessible(
    visit: Visit, admin: User, crowd: list[User], paris: Server
) -> None:
    asia, hank = crowd[0], crowd[-1]

    def walk(page: Page, address: str) -> list[str]:
        found = look(page, address + reverse("accounts:edit", args=[hank.pk]), "account-by-hand")
        expect(page.get_by_text("set by hand by Ada")).to_be_visible()
        found += look(page, address + reverse("homes:choose") + f"?id={asia.pk}", "home-one")
        expect(page.get_by_text("On paris that is 1 sent package.")).to_be_visible()
        found += look(page, address + reverse("homes:choose") + "?all=on&q=a", "home-many")
        return found

    assert visit(walk, admin) == []


def test_nobody_moves_before_the_preview_was_seen_and_confirmed(
    visit: Visit, admin: User, crowd: list[User], tokyo: Server, rio: Server, tmp_path: Path
) -> None:
    new_rules(tokyo, rio)

    def act(page: Page, address: str) -> None:
        page.goto(address + reverse("homes:rules"))
        page.get_by_role("link", name="Recalculate").first.press("Enter")
        page.get_by_role("button", name="Preview").press("Enter")
        expect(page.get_by_role("progressbar")).to_be_visible()
        aside(work_off)
        expect(page.get_by_role("heading", name="42 users would move")).to_be_visible(timeout=10_000)
        expect(page.get_by_role("listitem").filter(has_text="30 from paris to tokyo")).to_be_visible()
        expect(page.get_by_role("listitem").filter(has_text="12 from paris to rio")).to_be_visible()
        expect(page.get_by_text("On paris that is 1 sent package.")).to_be_visible()
        row = page.get_by_role("row").filter(has_text="asia01")
        expect(row).to_contain_text("Rule Everybody of the studios in Asia")
        with page.expect_download() as download:
            page.get_by_role("link", name="Export as CSV").click()
        download.value.save_as(tmp_path / "moves.csv")
        assert not aside(lambda: User.objects.filter(home=tokyo).exists())
        page.get_by_role("button", name="Recalculate: move 42 users").press("Enter")
        expect(page.get_by_text("Moving users")).to_be_visible()
        aside(work_off)
        expect(page.get_by_role("heading", name="42 users moved")).to_be_visible(timeout=10_000)

    visit(act, admin)
    lines = list(csv.DictReader((tmp_path / "moves.csv").read_text().splitlines()))
    assert len(lines) == 42
    assert {(line["from"], line["to"], line["moved"]) for line in lines} == {
        ("paris", "tokyo", "no"),
        ("paris", "rio", "no"),
    }
    assert User.objects.filter(home=tokyo).count() == 30


def test_home_servers_are_set_by_hand_for_many_and_given_back(
    visit: Visit, admin: User, crowd: list[User], tokyo: Server
) -> None:
    def act(page: Page, address: str) -> None:
        page.goto(address + reverse("accounts:list") + "?q=brasil0")
        for number in (1, 2):
            page.get_by_role("row").filter(has_text=f"brasil0{number}").get_by_role("checkbox").check()
        page.get_by_role("button", name="Set home server").click()
        page.get_by_label("Home server").select_option("tokyo")
        page.get_by_role("button", name="Set", exact=True).press("Enter")
        said = "The home server of 2 users is tokyo now, set by hand. 2 have moved."
        expect(page.get_by_text(said)).to_be_visible()
        page.goto(address + reverse("accounts:list") + "?q=brasil01")
        page.get_by_role("link", name="Brasil01").click()
        expect(page.get_by_text("set by hand by Admin")).to_be_visible()
        page.get_by_role("link", name="Change the home server").click()
        page.get_by_label("Home server").select_option("By rule")
        page.get_by_role("button", name="Set", exact=True).click()
        expect(page.get_by_text("follows the home server rules now. 1 has moved.")).to_be_visible()

    visit(act, admin)
    homes = dict(User.objects.filter(login__startswith="brasil0").values_list("login", "home__name"))
    assert (homes["brasil01"], homes["brasil02"], homes["brasil03"]) == ("paris", "tokyo", "paris")
    changed = User.objects.get(login="brasil01").placement.at
    assert timezone.now() - changed < timedelta(minutes=5)
