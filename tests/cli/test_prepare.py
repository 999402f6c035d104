"""What runs before a server listens ends with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.acceptance.servers import alive
from tests.waiting import until

PROGRAM = """
import os, sys, time
from posthouse.cli.serve import in_child

def work():
    print(os.getpid(), flush=True)
    time.sleep(60)

in_child(work)
"""


def test_migrations_do_not_go_on_when_the_server_that_began_them_was_killed() -> None:
    """D12: the next start would migrate beside them."""
    environment = os.environ | {"PYTHONPATH": str(Path.cwd() / "src")}
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, env=environment) as server:
        assert server.stdout is not None
        child = int(server.stdout.readline())
        try:
            server.kill()
            until(lambda: not alive(child), 5)
        finally:
            if alive(child):
                os.kill(child, signal.SIGKILL)
