"""What the tests of packages have, too."""

from __future__ import annotations

from tests.packages.conftest import draft  # noqa: F401 - a fixture
