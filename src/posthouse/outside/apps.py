"""The outside app: people without an account, who fetch and send packages by links."""

from __future__ import annotations

from django.apps import AppConfig


class OutsideConfig(AppConfig):
    """Links for recipients outside."""

    name = "posthouse.outside"

    def ready(self) -> None:
        """Register the answer to packages that arrive, and the page of the configuration."""
        from posthouse.homes import behind
        from posthouse.jobs.worker import register_periodic
        from posthouse.outside import (
            invitations,
            links,  # noqa: F401 - its receiver of packages that arrive connects itself
            reminding,
        )
        from posthouse.web import configuration

        register_periodic("tell of links that end soon", 3600, reminding.tell_of_end)
        behind.register(invitations.left)
        configuration.register(
            configuration.Section(
                "Outside recipients",
                "outside:policy",
                "world",
                "Sending to people who have no account.",
            )
        )
