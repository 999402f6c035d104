"""The browser's pure modules, by node's own test runner."""

from __future__ import annotations

import subprocess
from pathlib import Path

JS = Path(__file__).parent / "js"
STATIC = Path(__file__).parents[2] / "src" / "posthouse" / "packages" / "static" / "packages"


def test_the_modules_do_what_their_own_tests_say():
    tests = sorted(str(path) for path in JS.glob("*.test.js"))
    assert tests
    # Neither folder has a package.json: node is told that these are modules.
    done = subprocess.run(
        ["node", "--experimental-default-type=module", "--no-warnings", "--test", *tests],
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
