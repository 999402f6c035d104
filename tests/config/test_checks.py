"""`posthouse check` speaks of what no single app answers for."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from posthouse.config import checks
from posthouse.config.options import Options


def test_settings_pass_the_checks_for_deployment() -> None:
    """What stays is silenced in the settings, each with its reason."""
    found = [message for message in run_checks(include_deployment_checks=True) if not message.is_silenced()]
    assert [message for message in found if not (message.id or "").startswith("posthouse.")] == []


def test_debug_is_warned_of(settings: object) -> None:
    settings.POSTHOUSE = Options(debug=True)  # type: ignore[attr-defined]
    (message,) = checks.debug_is_off(None)
    assert message.hint


def test_problems_of_files_become_messages_with_cures(settings: object, tmp_path: object) -> None:
    settings.POSTHOUSE = Options(data_dir=f"{tmp_path}/none")  # type: ignore[attr-defined, arg-type]
    (message,) = checks.data_folder(None)
    assert message.is_serious()
    assert "posthouse init" in (message.hint or "")


@pytest.mark.django_db
def test_pending_migrations_are_told() -> None:
    assert checks.database(None, databases=["default"]) == []
    recorder = MigrationRecorder(connections["default"])
    recorder.record_unapplied("packages", max(name for app, name in recorder.applied_migrations() if app == "packages"))
    (message,) = checks.database(None, databases=["default"])
    assert message.id == "posthouse.W011"
