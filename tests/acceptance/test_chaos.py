"""Killing any process at any moment, and starting it again, still ends with every package delivered and equal (D12)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.chaos import Chaos, summary

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.timeout(600),
    # ssl.SSLContext.wrap_socket leaks the socket of a connection that was reset before it (Python 3.11).
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_every_package_is_delivered_once_and_equal_though_processes_are_killed_all_the_time(tmp_path: Path) -> None:
    chaos = Chaos(tmp_path, cities=2, seed=1, files=40, size=24_000_000, say=print)
    complaints = chaos.run(seconds=12, pause=1)
    print(summary(chaos))
    assert complaints == []
    assert sum(chaos.hooligan.kills.values()) >= 5, "hardly anything was killed: nothing was tested"
    assert chaos.post.fetched, "nothing was sent: nothing was tested"
