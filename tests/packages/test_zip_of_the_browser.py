"""The zip file that a browser makes of decrypted files, opened by somebody else's program."""

from __future__ import annotations

import io
import subprocess
import zipfile

from tests.packages.test_js import NODE, STATIC

SCRIPT = """
import { zip } from "%s";
const files = { "a.txt": "hello", "leer/été 写真.txt": "", "b/c.bin": "x".repeat(3000000) };
const members = Object.entries(files).map(([path, text]) => ({ path, size: new TextEncoder().encode(text).length }));
const contents = async function* ({ path }) {
  const all = new TextEncoder().encode(files[path]);
  for (let at = 0; at < all.length; at += 1000003) yield all.subarray(at, at + 1000003);
};
for await (const piece of zip(members, contents, new Date("2026-03-04T05:06:08Z"))) process.stdout.write(piece);
"""


def test_it_is_sound_and_holds_what_was_put_in():
    script = SCRIPT % (STATIC / "zipping.js").as_uri()
    done = subprocess.run(
        [NODE, "--no-warnings", "--input-type=module", "-e", script], capture_output=True, timeout=60, check=True
    )
    with zipfile.ZipFile(io.BytesIO(done.stdout)) as archive:
        assert archive.testzip() is None
        assert {name: len(archive.read(name)) for name in archive.namelist()} == {
            "a.txt": 5,
            "leer/été 写真.txt": 0,
            "b/c.bin": 3_000_000,
        }
        assert archive.getinfo("a.txt").date_time == (2026, 3, 4, 5, 6, 8)
