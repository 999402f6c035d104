"""What the audit app does when the server starts."""

from __future__ import annotations

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Keeps the audit log."""

    name = "posthouse.audit"
