"""A package arrives once, and whole, though its line, its disks or its file break on the way (D12).

The others of the faults, and any of them in any order, are in `make trial`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]


def test_a_package_survives_each_fault_of_the_short_selection() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.acceptance.trial", "--seconds", "2"],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
