"""Notices as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class NoticesConfig(AppConfig):
    """Tells people what has happened."""

    name = "posthouse.notices"

    def ready(self) -> None:
        """Give the worker its mails, and say how the mail server is doing."""
        from posthouse.jobs import worker
        from posthouse.notices import conditions, licence, standing, work  # noqa: F401 - the work registers itself
        from posthouse.web import health

        conditions.register(standing.conditions)
        conditions.register(licence.conditions)
        worker.register_periodic("tell that the licence ends", 3600, licence.tell)
        health.register(standing.facts)
