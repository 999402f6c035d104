"""Packages as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class PackagesConfig(AppConfig):
    """What was sent, to whom, and what became of it."""

    name = "posthouse.packages"

    def ready(self) -> None:
        """Import what answers signals, and have packages released and ended in time."""
        from posthouse.homes import behind
        from posthouse.jobs.worker import register_periodic
        from posthouse.packages import ending, lifecycle, listing, noting, telling  # noqa: F401
        from posthouse.web import configuration

        register_periodic("release packages", 10, lifecycle.release_due)
        register_periodic("end packages", 30, ending.expire)
        register_periodic("give up the bytes of packages that ended", 30, ending.free)
        register_periodic("forget packages that never came", 86_400, ending.forget_notes)
        behind.register(listing.received_left)
        behind.register(listing.sent_left)
        configuration.register(
            configuration.Section(
                "Packages", "packages:policy", "packages", "How long packages are kept, and what senders may choose."
            )
        )
