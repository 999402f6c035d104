"""The browser's libraries in the tree are the ones that were fetched, and refer to nothing outside."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from django.templatetags.static import static
from django.test import Client

import posthouse

VENDOR = Path(posthouse.__file__).parent / "web/static/vendor"
SCRIPT = Path(__file__).parents[2] / "scripts/vendor.py"


def test_every_file_has_its_checksum() -> None:
    result = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_no_file_points_to_a_source_map_that_is_not_there() -> None:
    texts = [path for path in VENDOR.rglob("*") if path.suffix in {".css", ".js"}]
    assert texts
    assert [path.name for path in texts if "sourceMappingURL" in path.read_text()] == []


def test_each_library_keeps_its_licence() -> None:
    folders = [path for path in VENDOR.iterdir() if path.is_dir()]
    assert len(folders) == 3
    assert [path.name for path in folders if not (path / "LICENSE").is_file()] == []


def test_large_files_travel_compressed(client: Client, db: None) -> None:
    url = static("vendor/tabler/tabler.min.css")
    plain = client.get(url, secure=True)
    packed = client.get(url, secure=True, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) * 5 < int(plain.headers["Content-Length"])
    for answer in (plain, packed):
        answer.close()
