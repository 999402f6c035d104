"""The whole demonstration, from three empty servers to packages fetched at each of them: its steps and their times."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


def run(folder: Path) -> Iterator[str]:
    """Tell the story, and yield its lines. Raises RuntimeError when it does not end well."""
    done = subprocess.run(
        [sys.executable, "-m", "posthouse.cli", "demo"],
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TMPDIR": str(folder), "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"the demonstration failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    for line in done.stdout.splitlines():
        told = " ".join(line.split())
        if told.startswith(("✓", "All is well")):
            yield f"story: {told.removeprefix('✓').strip()}"
