"""What a package holds, for clients that fetch it: all its files, and its envelope if they are encrypted."""

from __future__ import annotations

import json
from typing import Any

from posthouse.packages import names
from posthouse.packages.models import Package


def zip_name(package: Package) -> str:
    """Return what the zip file of all is called. A title may turn the direction of writing; a name may not."""
    return "".join(c for c in package.title.replace("/", "_") if not names.misleading(c)) + ".zip"


def of(package: Package, downloads: str) -> dict[str, Any]:
    """Return what a client needs to fetch a package that is all here.

    {title, zip, closed, envelope, downloads, files: [{id, number, path, size}]}: a file is at the address `downloads`
    and its id, the zip file of all at `all.zip` there, of some at `some.zip?file=0&file=3`, and called `zip`; `closed`
    is when the package was whole, `envelope` null unless it is encrypted. Sizes are those of the encrypted files.
    """
    return {
        "title": package.title,
        "zip": zip_name(package),
        "closed": (package.closed_at or package.created_at).isoformat(),
        "envelope": json.loads(package.envelope) if package.envelope else None,
        "downloads": downloads,
        "files": [
            {"id": str(pk), "number": number, "path": path, "size": size}
            for pk, number, path, size in package.files.values_list("pk", "number", "path", "size")
        ],
    }
