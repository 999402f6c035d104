"""Memory that is given back really goes, and what is kept until then is really kept."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
from pathlib import Path
from posthouse.lib import allocator

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

allocator.keep_buffers()
buffers = [b"x" * 1_000_000 for _ in range(40)]
last = bytes(1_000)
del buffers
kept = resident()
allocator.give_back()
print(kept - resident())
"""


def test_kept_buffers_go_back_to_the_kernel_when_room_is_wanted() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 30_000_000
