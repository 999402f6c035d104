"""What is wrong with the rules as they stand: said on their page and in the bar of administrators."""

from __future__ import annotations

from collections.abc import Iterator

from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.homes import facts, ruleset
from posthouse.homes.models import Default, Rule
from posthouse.notices.conditions import Condition

PAGE, ACTION = "homes:rules", "Home Server Rules"


def default_problem() -> str:
    """Return what is wrong with the default server; empty when nothing is."""
    chosen = Default.objects.select_related("server").first()
    if chosen is None or chosen.server is None:
        return "No default server is chosen: users whom no home server rule matches stay where they are."
    if chosen.server.removed_at:
        return (
            f"The default server, {chosen.server.name}, was removed: users whom no home server rule matches stay where"
            " they are."
        )
    return ""


def resting() -> list[Rule]:
    """Return the rules that place nobody, because their home server was removed."""
    return list(ruleset.present().exclude(home__removed_at=None).select_related("home"))


def settled() -> bool:
    """Whether the rules as they are now have placed everybody: then Recalculate would move nobody.

    That nobody is left is remembered for these rules: it takes a look at everybody, and whoever comes or changes later
    is placed by the rules in force. So it holds until they are changed.
    """
    engine = ruleset.in_force().people
    if not engine.rules and engine.default is None:
        return True
    if Default.objects.filter(settled=engine.digest).exists():
        return True
    if facts.outdated(engine).exists():
        return False
    Default.objects.filter(pk=Default.ONLY).update(settled=engine.digest)
    return True


def unsettle() -> None:
    """Forget that everybody was found placed. Call it in the transaction that changes the rules."""
    Default.objects.exclude(settled="").update(settled="")


def conditions() -> Iterator[Condition]:
    """Yield what needs an administrator, on a master, or on a server that has rules."""
    this = servers.this()
    if this.role == Server.Role.SLAVE:
        return
    problem = default_problem()
    if problem and (this.role == Server.Role.MASTER or ruleset.present().exists()):
        yield Condition(problem, PAGE, ACTION)
    for rule in resting()[:3]:
        yield Condition(
            f"The home server rule {rule.name} places nobody: its home server, {rule.home.name}, was removed.",
            PAGE,
            ACTION,
        )
