"""The browser's pure modules, by node's own test runner."""

from __future__ import annotations

import subprocess
from pathlib import Path

import playwright

JS = Path(__file__).parent / "js"
# The browser tests bring a node of their own: no other one needs to be on the machine.
NODE = Path(playwright.__file__).parent / "driver" / "node"
STATIC = Path(__file__).parents[2] / "src" / "posthouse" / "packages" / "static" / "packages"


def test_the_modules_do_what_their_own_tests_say():
    tests = sorted(str(path) for path in JS.glob("*.test.js"))
    assert tests
    # Neither folder has a package.json: node finds out by itself that these are modules.
    done = subprocess.run(
        [NODE, "--no-warnings", "--test", *tests],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_script_of_ours_evaluates_text_or_writes_markup():
    for path in STATIC.glob("*.js"):
        text = path.read_text()
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
            assert word not in text, f"{path.name} uses {word}"
