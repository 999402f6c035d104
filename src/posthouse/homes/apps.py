"""What the homes app does when the server starts."""

from __future__ import annotations

from django.apps import AppConfig


class HomesConfig(AppConfig):
    """Places people on servers."""

    name = "posthouse.homes"

    def ready(self) -> None:
        """Register the work and the conditions; the answers to what happens to people register themselves."""
        from posthouse.homes import placing, runs, standing  # noqa: F401 - placing connects its receivers
        from posthouse.jobs import worker
        from posthouse.notices import conditions

        worker.register(worker.Kind("recalculation", runs.due, runs.run))
        conditions.register(standing.conditions)
