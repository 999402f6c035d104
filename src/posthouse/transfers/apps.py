"""Transfers as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class TransfersConfig(AppConfig):
    """Clears away what nobody goes on with."""

    name = "posthouse.transfers"
    label = "transfers"

    def ready(self) -> None:
        """Register the periodic work, and answer packages that end or are given up."""
        from posthouse.jobs.worker import register_periodic
        from posthouse.packages import incoming
        from posthouse.packages.signals import package_ended, package_given_up
        from posthouse.store.litter import Sweep
        from posthouse.transfers import arriving, expiry

        register_periodic("remove expired uploads", expiry.SECONDS, expiry.remove_expired)
        register_periodic("give up abandoned packages", expiry.SECONDS, expiry.give_up_abandoned)
        # A folder of the store each minute: all of it in a few hours, and nobody notices.
        register_periodic("remove files that no record knows", 60, Sweep().step)
        incoming.register(arriving.blobs)
        package_ended.connect(expiry.package_ended, dispatch_uid="transfers.package_ended")
        package_given_up.connect(expiry.package_given_up, dispatch_uid="transfers.package_given_up")
