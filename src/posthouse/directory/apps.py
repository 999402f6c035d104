"""What the directory app does when the server starts."""

from __future__ import annotations

from django.apps import AppConfig


class DirectoryConfig(AppConfig):
    """Reads people from directories."""

    name = "posthouse.directory"

    def ready(self) -> None:
        """Give the worker its imports, and say what needs an administrator."""
        from posthouse.directory import automatic, runs, telling
        from posthouse.jobs import worker
        from posthouse.notices import conditions
        from posthouse.web import configuration

        worker.register(worker.Kind("directory", runs.due, runs.run))
        worker.register_periodic("automatic imports", automatic.LOOK_SECONDS, automatic.start_due)
        worker.register_periodic("forget old imports", 3600, automatic.forget_old)
        conditions.register(telling.conditions)
        configuration.register(
            configuration.Section(
                "Directories",
                "directory:list",
                "address-book",
                "Active Directory and LDAP: who gets an account from them, and logs in by them.",
            )
        )
