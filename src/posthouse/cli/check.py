"""`posthouse check`: Django's checks, Posthouse's own, and the state of the database, with the cure of each."""

from __future__ import annotations

import logging

from rich.console import Console
from rich.text import Text

from posthouse.cli import ready
from posthouse.config import files

STYLES = {logging.ERROR: "bold red", logging.WARNING: "yellow"}


def check() -> int:
    """Print what is wrong and return the exit code: 1 when something keeps the server from working."""
    console = Console(soft_wrap=True, highlight=False)
    options = ready.options()
    if any(problem.serious for problem in files.problems(options)):
        # The apps cannot be loaded from files that are missing or damaged: say so before anything else.
        for problem in files.problems(options):
            _show(console, logging.ERROR if problem.serious else logging.WARNING, problem.sentence, problem.cure)
        return 1

    ready.setup(options)
    from django.core.checks import run_checks

    from posthouse.config import checks  # noqa: F401 - importing it registers them

    messages = sorted(run_checks(include_deployment_checks=True, databases=["default"]), key=lambda m: -m.level)
    shown = [message for message in messages if not message.is_silenced()]
    for message in shown:
        _show(console, message.level, message.msg, message.hint or "", message.id or "")
    errors = sum(message.level >= logging.ERROR for message in shown)
    if not shown:
        console.print("Nothing is wrong.")
    return 1 if errors else 0


def _show(console: Console, level: int, sentence: str, cure: str, number: str = "") -> None:
    kind = logging.getLevelName(level).capitalize()
    line = Text.assemble((f"{kind}: ", STYLES.get(level, "")), sentence, (f" ({number})" if number else "", "dim"))
    console.print(line)
    if cure:
        console.print(Text(f"  {cure}"))
