"""Relays as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class RelaysConfig(AppConfig):
    """Answers closed packages, and gives the worker its relays."""

    name = "posthouse.relays"
    label = "relays"

    def ready(self) -> None:
        """Import what registers itself."""
        from posthouse.cluster.testing import register
        from posthouse.relays import (
            checks,
            testing,
            work,  # noqa: F401
        )
        from posthouse.web import configuration, health

        register("relay endpoint", testing.endpoint)
        health.register(checks.facts)
        configuration.register(
            configuration.Section(
                "Transfers", "relays:transfers", "transfer", "How fast relays send to other servers, and when."
            )
        )
