"""Small parts, so that files of several parts need not be large."""

from __future__ import annotations

import pytest

from posthouse.store import parts


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 64 KiB."""
    monkeypatch.setattr(parts, "PART", 64 * 1024)
