"""What the accounts app does when the server starts."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models import CharField


class AccountsConfig(AppConfig):
    """People and what they may do."""

    name = "posthouse.accounts"

    def ready(self) -> None:
        """Make the prefix search known, and have old sessions deleted each hour."""
        from posthouse.accounts import lockout, lookups, resets, sessions
        from posthouse.audit import keeping
        from posthouse.jobs import worker
        from posthouse.web import configuration

        CharField.register_lookup(lookups.Prefix)
        worker.register_periodic("forget old sessions", 3600, sessions.forget_old)
        worker.register_periodic("make the links for passwords", 2, resets.answer_wishes)
        worker.register_periodic("forget links for passwords", 3600, resets.forget_old)
        worker.register_periodic("forget old events", 3600, keeping.forget_old)
        worker.register_periodic("forget wrong passwords", 3600, lockout.forget_old)
        configuration.register(
            configuration.Section(
                "Security", "accounts:security", "shield-lock", "Passwords, lock-out, sessions, networks."
            )
        )
        configuration.register(
            configuration.Section(
                "Permissions", "accounts:standard", "shield-check", "What users may do, and how much they may send."
            )
        )
