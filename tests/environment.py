"""Runs before Django loads its settings: tests never depend on the developer's machine."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from tests import hashing

# The one variable that the tests take from outside: which database they run on.
database_url = os.environ.get("POSTHOUSE_TEST_DATABASE_URL")
for variable in [
    name for name in os.environ if name.startswith("POSTHOUSE_") and name != "POSTHOUSE_TEST_DATABASE_URL"
]:
    del os.environ[variable]

data_dir = Path(tempfile.mkdtemp(prefix="posthouse-test-"))
atexit.register(shutil.rmtree, data_dir, ignore_errors=True)
(data_dir / "none.toml").touch()
(data_dir / "store").mkdir()
os.environ.update(
    POSTHOUSE_CONFIG=str(data_dir / "none.toml"),
    POSTHOUSE_DATA_DIR=str(data_dir),
    POSTHOUSE_NAME="paris",
    POSTHOUSE_HOST="paris.example",
    POSTHOUSE_LOG="text",
)
if database_url:
    os.environ["POSTHOUSE_DATABASE_URL"] = database_url

hashing.make_cheap()
