"""`posthouse homes …`: the Home Server Rules for scripts, and for people without browsers."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posthouse.cli.administering import echo_json, sentences
from posthouse.cli.errors import Stop
from posthouse.cli.waiting import wait

if TYPE_CHECKING:
    from posthouse.homes.models import Recalculation

app = typer.Typer(help="See and apply the rules that decide on which server people live.", no_args_is_help=True)

LISTED = 20
VERDICTS = {
    "decides": "matches and decides",
    "late": "matches, but an earlier rule decides",
    "no": "does not match",
    "removed": "left out: its home server was removed",
}
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of words.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the rules in their order, and the Default Server."""
    _ready()
    from posthouse.homes import ruleset, standing
    from posthouse.homes.models import Default

    with _sentences():
        rules = list(ruleset.present().select_related("home"))
        chosen = Default.objects.select_related("server").first()
        problem = standing.default_problem()
    default = chosen.server.name if chosen and chosen.server else None
    if as_json:
        echo_json(
            {
                "default": default,
                "problem": problem,
                "rules": [
                    {
                        "name": rule.name,
                        "external": rule.external,
                        "conditions": [{"field": name, "pattern": pattern} for name, pattern in rule.conditions],
                        "home": rule.home.name,
                        "home_removed": rule.home.removed_at is not None,
                        "examples": rule.examples,
                    }
                    for rule in rules
                ],
            }
        )
        return
    for place, rule in enumerate(rules, 1):
        marks = (" (external email recipients)" if rule.external else "") + (
            " (removed: this rule places nobody)" if rule.home.removed_at else ""
        )
        typer.echo(f"{place}. {rule.name}: to {rule.home.name}{marks}")
        for name, pattern in rule.conditions:
            typer.echo(f"   {name}: {pattern}")
    typer.echo(problem or f"Default Server: {default}")


@app.command()
def explain(
    who: Annotated[str, typer.Argument(help="A user name or an e-mail address.")], as_json: Json = False
) -> None:
    """Tell where somebody belongs, rule by rule and field by field."""
    _ready()
    from posthouse.homes import explaining

    with _sentences():
        answer = explaining.explain(who)
    if as_json:
        echo_json(
            {"account": answer.user.login if answer.user else None, "stories": [s.as_json() for s in answer.stories]}
        )
        return
    for story in answer.stories:
        typer.echo(f"{story.title}: {story.outcome}")
        for block in story.blocks:
            typer.echo(f"  {block.place}. {block.name} (to {block.home}): {VERDICTS[block.verdict]}")
            for line in block.lines:
                value = f"{line.before}[{line.hit}]{line.after}" if line.matched else line.before + line.after
                note = f" ({line.note})" if line.note else ""
                typer.echo(f"    {'ok    ' if line.matched else 'no    '}{line.field} {line.pattern}: {value}{note}")
        if story.note:
            typer.echo(f"  {story.note}")


@app.command()
def preview(
    everybody: Annotated[
        bool, typer.Option("--all", help="Look also at people whose rules have not changed since they were placed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show who would move by the rules as they are now. The server must be running: it does the work."""
    _ready()
    _tell(_preview(everybody), as_json)


@app.command()
def recalculate(
    everybody: Annotated[
        bool, typer.Option("--all", help="Look also at people whose rules have not changed since they were placed.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Move people without a question.")] = False,
    as_json: Json = False,
) -> None:
    """Move everybody to where the rules say, after a preview. The server must be running: it does the work."""
    if as_json and not yes:
        raise Stop("With --json nothing is asked: add --yes, or look at `posthouse homes preview --json` first.", 2)
    _ready()
    from posthouse.audit import log
    from posthouse.homes import runs

    run = _preview(everybody)
    if not yes:
        _tell(run, as_json=False)
        if run.movers and not typer.confirm("Move them?", default=False):
            raise Stop("Nobody was moved.")
    with _sentences():
        runs.carry_out(run.pk, log.COMMAND_LINE)
        _wait(run)
    _tell(run, as_json)


def _preview(everybody: bool) -> Recalculation:
    from posthouse.audit import log
    from posthouse.homes import runs

    with _sentences():
        run = runs.start(log.COMMAND_LINE.name, everybody=everybody)
        _wait(run)
    return run


def _wait(run: Recalculation) -> None:
    run.refresh_from_db()
    wait(run, "The recalculation")
    if run.state != "done":
        raise Stop(run.last_error)


def _tell(run: Recalculation, as_json: bool) -> None:
    from posthouse.cluster import servers
    from posthouse.homes import standing
    from posthouse.homes.recalculation import left_behind, moves_of, ways

    found, moves, left, problem = ways(run), moves_of(run), left_behind(run), standing.default_problem()
    if as_json:
        facts: dict[str, Any] = {"looked_at": run.looked, "would_move": run.movers, "moved": run.moved}
        facts |= {"problem": problem, "left_behind": [{"count": each.count, "what": each.many} for each in left]}
        facts["ways"] = [{"from": way.source, "to": way.target, "count": way.count} for way in found]
        facts["moves"] = [
            {
                "user": move.user.login,
                "from": move.source.name if move.source else None,
                "to": move.target.name,
                "rule": move.rule.name if move.rule else None,
                "moved": move.done,
            }
            for move in moves.iterator(chunk_size=2_000)
        ]
        echo_json(facts)
        return
    moved = run.stage == "moving"
    if problem:
        typer.echo(problem)
    users = f"{run.moved if moved else run.movers} user{'' if (run.moved if moved else run.movers) == 1 else 's'}"
    typer.echo(f"{users} moved." if moved else f"{users} would move, of {run.looked} looked at.")
    for way in found:
        typer.echo(f"  {way.count} from {way.source} to {way.target}")
    if not moved:
        for move in moves[:LISTED]:
            why = f"rule {move.rule.name}" if move.rule else "Default Server"
            typer.echo(f"  {move.user.login}: {move.source} to {move.target}, {why}")
        if run.movers > LISTED:
            typer.echo(f"  and {run.movers - LISTED} more: --json lists all")
        if run.movers:
            typer.echo("Packages and external contacts do not move with their users: they stay on the old server.")
        if left:
            typer.echo(f"On {servers.this().name} that is {' and '.join(str(each) for each in left)}.")


def _ready() -> None:
    """Load the apps; refuse on a slave."""
    from posthouse.cli.ready import django_ready

    django_ready()
    from posthouse.cluster import servers
    from posthouse.cluster.models import Server

    with _sentences():
        this, master = servers.this(), servers.master()
    if this.role == Server.Role.SLAVE:
        raise Stop(f"{this.name} is a slave. Run this on the master{f', {master.name}' if master else ''}.")


def _sentences() -> AbstractContextManager[None]:
    """Turn what is refused into a sentence and exit code 1."""
    from posthouse.homes.runs import NotPossible

    return sentences(NotPossible)
