"""Notices as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class NoticesConfig(AppConfig):
    """Tells people what has happened."""

    name = "posthouse.notices"

    def ready(self) -> None:
        """Give the worker its mails, and say how the mail server is doing."""
        from posthouse.jobs import worker
        from posthouse.notices import conditions, digests, licence, passwords, standing, work  # noqa: F401 - their receivers and kinds of work register themselves
        from posthouse.web import configuration, health

        conditions.register(standing.conditions)
        conditions.register(licence.conditions)
        worker.register_periodic("tell that the licence ends", 3600, licence.tell)
        worker.register_periodic("daily e-mails", 300, digests.send_due)
        worker.register_periodic("forget old daily e-mails", 3600, digests.forget_old)
        health.register(standing.facts)
        configuration.register(
            configuration.Section("E-mails", "notices:wordings", "mail", "What the e-mails of this server say.")
        )
        configuration.register(
            configuration.Section(
                "Mail server", "notices:server", "send", "By which server e-mails go out, and whether that works."
            )
        )
