"""Contacts as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class ContactsConfig(AppConfig):
    """Everybody's own address book: people outside, and lists."""

    name = "posthouse.contacts"

    def ready(self) -> None:
        """Say what stays here when somebody's home server changes (R68)."""
        from posthouse.contacts import book
        from posthouse.homes import behind

        behind.register(book.left)
