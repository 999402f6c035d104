"""Two whole servers."""

from __future__ import annotations

from tests.cluster.conftest import far, far_process, here, signer  # noqa: F401 - fixtures
from tests.sync.conftest import slave  # noqa: F401 - a fixture
