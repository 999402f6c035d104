"""Dispatches as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class DispatchesConfig(AppConfig):
    """Tells other servers what happens to packages: downloads one way, recalls and changed terms the other."""

    name = "posthouse.dispatches"

    def ready(self) -> None:
        """Register the work, and the answers to what happens to packages."""
        from posthouse.dispatches import outbox, receivers  # noqa: F401 - the receivers connect themselves
        from posthouse.jobs.worker import Kind, register, register_periodic

        register(Kind("dispatches", outbox.due, outbox.send, concurrency=4))
        register_periodic("forget dispatches to removed servers", 60, outbox.forget_removed)
