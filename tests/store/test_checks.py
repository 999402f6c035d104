"""What `posthouse check` says of the store's folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.checks import run_checks

from posthouse.store import checks


@pytest.fixture
def folder(tmp_path: Path, settings) -> Path:
    settings.POSTHOUSE = settings.POSTHOUSE.model_copy(update={"store_dir": tmp_path / "store"})
    return tmp_path / "store"


def found() -> list[str | None]:
    return [message.id for message in run_checks(tags=["store"], include_deployment_checks=True)]


def test_a_good_folder_passes(folder: Path) -> None:
    folder.mkdir()
    assert found() == []


def test_a_missing_folder_is_named_with_its_cure(folder: Path) -> None:
    (message,) = run_checks(tags=["store"], include_deployment_checks=True)
    assert message.id == "posthouse.store.E001"
    assert str(folder) in message.msg
    assert "store_dir" in message.hint


def test_a_folder_that_cannot_be_written_to_is_an_error(folder: Path, monkeypatch) -> None:
    folder.mkdir(mode=0o500)
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write everywhere
    assert found() == ["posthouse.store.E002"]


def test_little_room_is_a_warning(folder: Path, monkeypatch) -> None:
    folder.mkdir()
    monkeypatch.setattr(checks, "LITTLE", 2**60)
    assert found() == ["posthouse.store.W001"]
