"""The Home Server Rules in a real browser: making rules, putting them in order, and explaining them (R32-R54, D11)."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.homes.models import Rule
from tests.homes.conftest import choose_default, from_directory, make_rule
from tests.web.looks import look, look_here
from tests.web.test_browser import DESK, PHONE, Visit, visit

__all__ = ["visit"]  # the fixture

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
BOX = "Please[.]Note.*(Tokyo|Kyoto|Osaka).*"


@pytest.fixture
def many(paris: Server, tokyo: Server, rio: Server) -> list[Rule]:
    """Rules of all kinds: long and short, with examples that hold and one that fails, and one whose server is gone."""
    choose_default(paris)
    gone = Server.objects.create(name="oslo", host="oslo.example", removed_at=timezone.now())
    from_directory(
        "ken",
        paris,
        dn="CN=Müller\\, Ken,OU=Post Production and Colour Grading,OU=Asia,DC=ad,DC=example,DC=com",
        groups=["All", "Asia Staff", "Editors"],
        fields={"department": ["Film", "Sound"]},
    )
    long = f"{BOX}{'x' * 60}"
    return [
        make_rule("Oslo", gone, email_pattern="@oslo[.]example$"),
        make_rule("Rio", rio, email_pattern="@rio[.]", examples=["rita@rio.example"]),
        make_rule(
            "Everybody of the department of post production and colour grading in Asia, without guests",
            tokyo,
            email_pattern=long,
            login_pattern="^(ken|mika|yuki)$",
            group_pattern="^Asia Staff$",
            dn_pattern="OU=Post Production and Colour Grading,OU=Asia,",
            ldap=[["department", "^(Film|Sound)$"], ["physicalDeliveryOfficeName", "^Tokyo"], ["l", "tokyo"]],
        ),
        make_rule("Staff", tokyo, group_pattern="asia staff", ldap=[["department", "sound"]], examples=["ken"]),
        make_rule("Sound", rio, ldap=[["department", "^sound$"]], examples=["ken"]),
        make_rule("Guests of Asia", tokyo, external=True, email_pattern="@guests[.]example$"),
    ]


def rows(page: Page) -> list[str]:
    """Return the names of the rules in the order of the page."""
    return page.locator("#rules tbody td[data-label='Rule Name'] a").all_inner_texts()


def errors_of(page: Page, label: str) -> Locator:
    """Return what is said beside a field."""
    return page.locator(".field", has=page.get_by_label(label).first).locator(".field-errors")


def test_the_pages_without_rules_are_accessible(visit: Visit, admin: User, tokyo: Server) -> None:
    def walk(page: Page, address: str) -> list[str]:
        found = look(page, address + reverse("homes:rules"), "rules-empty")
        page.locator("summary", has_text="Create New").click()
        found += look_here(page, "rules-create")
        page.get_by_label("Email address regex").fill(r"asia\.example$")
        page.get_by_label("User name regex").fill("^(tokyo")
        page.get_by_label("LDAP field name").first.fill("department")
        page.get_by_label("Examples").fill("two words")
        page.get_by_role("button", name="Create", exact=True).click()
        page.get_by_text("Write asia[.]example$ instead.").wait_for()
        found += look_here(page, "rules-errors")
        for name in ("explain", "recalculate"):
            found += look(page, address + reverse(f"homes:{name}"), f"{name}-empty")
        return found

    assert visit(walk, admin) == []


def test_the_pages_with_many_rules_are_accessible(visit: Visit, admin: User, many: list[Rule]) -> None:
    oslo, _, asia, staff, _, guests = many
    places = {
        "rules-many": reverse("homes:rules"),
        "rule-edit": reverse("homes:edit", args=[asia.pk]),
        "rule-external": reverse("homes:edit", args=[guests.pk]),
        "rule-resting": reverse("homes:edit", args=[oslo.pk]),
        "rule-delete": reverse("homes:delete", args=[staff.pk]),
        "explain-user": reverse("homes:explain") + "?q=ken",
        "explain-outside": reverse("homes:explain") + "?q=guest@guests.example",
        "explain-name": reverse("homes:explain") + "?q=nobody",
    }

    def walk(page: Page, address: str) -> list[str]:
        found = []
        for name, place in places.items():
            found += look(page, address + place, name)
        page.goto(address + reverse("homes:rules"))
        page.get_by_role("button", name="Move Sound up").click()
        page.get_by_role("heading", name="Examples fail").wait_for()
        found += look_here(page, "rules-unmet")
        return found

    assert visit(walk, admin) == []


def test_the_copies_of_a_slave_are_accessible(visit: Visit, admin: User, paris: Server, many: list[Rule]) -> None:
    Server.objects.filter(pk=paris.pk).update(role=Server.Role.SLAVE)
    Server.objects.filter(name="tokyo").update(role=Server.Role.MASTER)

    def walk(page: Page, address: str) -> list[str]:
        found = look(page, address + reverse("homes:rules"), "rules-slave")
        found += look(page, address + reverse("homes:explain"), "explain-slave")
        return [fault for fault in found if "403" not in fault]  # what the console says of the second page

    assert visit(walk, admin) == []


def test_create_new_reveals_the_form_and_says_beside_a_field_what_is_wrong_and_what_to_write(
    visit: Visit, admin: User, tokyo: Server
) -> None:
    choose_default(tokyo)

    def act(page: Page, address: str) -> None:
        page.goto(address + reverse("homes:rules"))
        expect(page.get_by_label("Rule Name")).to_be_hidden()
        page.locator("summary", has_text="Create New").press("Enter")
        expect(page.get_by_text("a literal dot; without brackets")).to_be_visible()  # Regex Help, beside the fields
        page.get_by_label("Rule Name").fill("Asia")
        page.get_by_label("Home server").select_option("tokyo")
        create = page.get_by_role("button", name="Create", exact=True)
        for typed, said in (
            ("asia~", "~ (character 5) may not be used in a pattern. Leave it out"),
            ("asia/x", "/ (character 5) may not be used in a pattern. Leave it out"),
            (r"asia\.example", r"\ (character 5) may not be used in a pattern. Write asia[.]example instead."),
            ("(asia", "The bracket ( at character 1 is never closed."),
        ):
            page.get_by_label("Email address regex").fill(typed)
            create.click()
            expect(errors_of(page, "Email address regex")).to_contain_text(said)
            expect(page.get_by_label("Email address regex")).to_have_value(typed)
        page.get_by_label("Email address regex").fill("asia[.]example")
        create.click()
        expect(page.get_by_text("The home server rule Asia was created.")).to_be_visible()

    visit(act, admin)
    assert Rule.objects.get().email_pattern == "asia[.]example"


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_a_rule_for_external_recipients_disables_the_other_fields(
    visit: Visit, admin: User, tokyo: Server, size: tuple[int, int]
) -> None:
    labels = ("User name regex", "Active Directory group regex", "Active Directory DN regex", "LDAP field name")

    def act(page: Page, address: str) -> None:
        page.goto(address + reverse("homes:new"))
        page.get_by_label("Rule Name").fill("Outside")
        page.get_by_label("User name regex").fill("(")  # it does not count
        page.get_by_label("External email recipient").press("Space")
        for label in labels:
            expect(page.get_by_label(label).first).to_be_disabled()
        expect(page.get_by_role("button", name="Add")).to_be_disabled()
        page.get_by_label("External email recipient").press("Space")
        for label in labels:
            expect(page.get_by_label(label).first).to_be_enabled()
        page.get_by_label("External email recipient").press("Space")
        page.get_by_label("Email address regex").fill("@guests[.]")
        page.get_by_label("Home server").select_option("tokyo")
        page.get_by_role("button", name="Create", exact=True).click()
        expect(page.get_by_text("The home server rule Outside was created.")).to_be_visible()

    visit(act, admin, size)
    rule = Rule.objects.get()
    assert (rule.external, rule.conditions) == (True, [("Email address regex", "@guests[.]")])


def test_up_to_three_ldap_fields_are_added_and_no_fourth(visit: Visit, admin: User, tokyo: Server) -> None:
    def act(page: Page, address: str) -> None:
        page.goto(address + reverse("homes:new"))
        names = page.get_by_label("LDAP field name")
        patterns = page.get_by_label("LDAP field regex")
        add = page.get_by_role("button", name="Add")
        expect(names.filter(visible=True)).to_have_count(1)
        for number in range(3):
            names.nth(number).fill(f"field{number}")
            patterns.nth(number).fill("x")
            if number < 2:
                add.press("Enter")
                expect(names.nth(number + 1)).to_be_focused()
        expect(add).to_be_hidden()
        page.get_by_label("Rule Name").fill("Fields")
        page.get_by_label("Home server").select_option("tokyo")
        page.evaluate(
            """() => {
                for (const [name, value] of [["ldap_name_4", "field4"], ["ldap_pattern_4", "x"]]) {
                    const field = document.createElement("input");
                    [field.name, field.value, field.type] = [name, value, "hidden"];
                    document.querySelector("[data-rule-form]").append(field);
                }
            }"""
        )
        page.get_by_role("button", name="Create", exact=True).click()
        expect(page.get_by_text("A rule looks at no more than 3 LDAP fields. Make two rules of it.")).to_be_visible()
        expect(names.filter(visible=True)).to_have_count(3)
        page.get_by_role("button", name="Create", exact=True).click()
        expect(page.get_by_text("The home server rule Fields was created.")).to_be_visible()
        expect(page.get_by_text("Nobody has the LDAP field field0")).to_be_visible()

    visit(act, admin)
    assert Rule.objects.get().ldap == [["field0", "x"], ["field1", "x"], ["field2", "x"]]


def test_rules_are_ordered_by_the_keyboard_and_the_button_keeps_the_focus(
    visit: Visit, admin: User, tokyo: Server
) -> None:
    for name in "ABC":
        make_rule(name, tokyo, email_pattern=name)

    def act(page: Page, address: str) -> list[list[str]]:
        page.goto(address + reverse("homes:rules"))
        page.get_by_role("button", name="Move C up").focus()
        orders = [rows(page)]
        for place in (2, 1):
            page.keyboard.press("Enter")
            expect(page.get_by_text(f"The home server rule C stands at place {place} now.")).to_be_visible()
            orders.append(rows(page))
        expect(page.get_by_role("button", name="Move C up")).to_be_disabled()
        expect(page.get_by_role("button", name="Move C down")).to_be_focused()
        page.keyboard.press("Space")
        expect(page.get_by_text("The home server rule C stands at place 2 now.")).to_be_visible()
        return [*orders, rows(page)]

    assert ["".join(each) for each in visit(act, admin)] == ["ABC", "ACB", "CAB", "ACB"]


def test_rules_are_ordered_by_dragging(visit: Visit, admin: User, tokyo: Server) -> None:
    for name in "ABCD":
        make_rule(name, tokyo, email_pattern=name)

    def drag(page: Page, name: str, onto: str, part: float) -> str:
        target = page.locator("#rules tbody tr", has=page.get_by_role("link", name=onto, exact=True))
        box = target.bounding_box()
        assert box
        handle = page.locator("#rules tbody tr", has=page.get_by_role("link", name=name, exact=True)).locator(
            ".drag-handle"
        )
        handle.drag_to(target, target_position={"x": 40, "y": box["height"] * part})
        expect(page.get_by_text(f"The home server rule {name} stands at place")).to_be_visible()
        return "".join(rows(page))

    def act(page: Page, address: str) -> list[str]:
        page.goto(address + reverse("homes:rules"))
        return [drag(page, "A", "C", 0.8), drag(page, "D", "B", 0.2), drag(page, "C", "A", 0.8)]

    assert visit(act, admin) == ["BCAD", "DBCA", "DBAC"]


def test_a_change_that_makes_an_example_fail_is_made_only_when_that_is_confirmed(
    visit: Visit, admin: User, paris: Server, tokyo: Server
) -> None:
    choose_default(paris)
    make_rule("Asia", tokyo, email_pattern="@asia", examples=["bob@asia.example"])

    def act(page: Page, address: str) -> None:
        page.goto(address + reverse("homes:rules"))
        page.get_by_role("link", name="Edit Asia").click()
        page.get_by_label("Email address regex").fill("@orient")
        page.get_by_role("button", name="Save").click()
        said = "bob@asia.example must land on tokyo, says the rule Asia, but would land on paris: no rule matches."
        expect(page.get_by_text(said)).to_be_visible()
        page.get_by_label("Save although these examples fail").check()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("The home server rule Asia was changed.")).to_be_visible()
        expect(page.get_by_role("row", name="Asia").get_by_text(said)).to_be_visible()

    visit(act, admin)
    assert Rule.objects.get().email_pattern == "@orient"


@pytest.mark.usefixtures("many")
def test_explain_finds_whom_one_types(visit: Visit, admin: User) -> None:
    def act(page: Page, address: str) -> None:
        page.goto(address + reverse("homes:rules"))
        page.get_by_role("link", name="Explain").click()
        page.get_by_label("User name or e-mail address").fill("KEN@example.com")
        page.keyboard.press("Enter")
        expect(page.get_by_text("tokyo, by the rule Staff.")).to_be_visible()
        staff = page.get_by_role("listitem").filter(has_text="4. Staff")
        expect(staff.get_by_text("Matches and decides")).to_be_visible()
        expect(staff.locator("mark")).to_have_text(["Asia Staff", "Sound"])
        expect(page.get_by_text("LDAP field physicalDeliveryOfficeName")).to_be_visible()

    visit(act, admin)
