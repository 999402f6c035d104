"""Django system checks of what no single app answers for: files, keys, certificate, database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor

from posthouse.config import files
from posthouse.config.database import reach


@register(Tags.security)
def data_folder(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001 - Django's
    """Check the data folder, the keys in it and the TLS certificate."""
    return [
        (Error if problem.serious else checks.Warning)(
            problem.sentence, hint=problem.cure, id=f"posthouse.{problem.id}"
        )
        for problem in files.problems(settings.POSTHOUSE)
    ]


@register(Tags.security)
def debug_is_off(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001
    """Check that error pages do not show what only administrators may know."""
    if not settings.POSTHOUSE.debug:
        return []
    return [
        checks.Warning(
            "Error details are shown in the browser.",
            hint="Remove `debug` from the settings, unless nobody else reaches this server.",
            id="posthouse.W010",
        )
    ]


@register(Tags.database)
def database(
    app_configs: Sequence[Any] | None,  # noqa: ARG001
    databases: Sequence[str] | None = None,
    **kwargs: Any,  # noqa: ARG001
) -> list[CheckMessage]:
    """Check that the database answers and that no migration is missing."""
    messages: list[CheckMessage] = []
    for alias in databases or []:
        try:
            reach(alias)
            executor = MigrationExecutor(connections[alias])
            plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        except DatabaseError as error:
            messages.append(
                Error(
                    f"The database cannot be used: {str(error).strip()}",
                    hint="Start it, or correct database_url.",
                    id="posthouse.E011",
                )
            )
            continue
        if plan:
            messages.append(
                checks.Warning(
                    f"{len(plan)} changes of the database layout are pending.",
                    hint="Run `posthouse init`, or simply start the server: both apply them.",
                    id="posthouse.W011",
                )
            )
    return messages
