"""What the server has of a package, for the client that uploads it."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from posthouse.packages import rights
from posthouse.packages.models import Package

UPLOADS = f"{settings.POSTHOUSE.prefix}/transfers/uploads/"


def of(package: Package, url: str, again: str) -> dict[str, Any]:
    """Return what a client needs to upload, or to go on with, a package.

    {package, url, again, status, right, uploads, files: [{id, path, size, offset, upload}]}: `url` is the package's
    page, at `again` this is asked for anew; `upload` is the address at which a file's upload goes on, null if it was
    not begun or is complete. A package that is not uploading any more has no right and no files.
    """
    state: dict[str, Any] = {
        "package": str(package.pk),
        "url": url,
        "again": again,
        "status": package.status,
        "right": None,
        "uploads": UPLOADS,
        "files": [],
    }
    if package.status == Package.Status.UPLOADING:
        state["right"] = rights.issue(package)
        # The uploads are rows of a higher room; the join names them, and nothing here depends on what they are.
        files = package.files.values_list("pk", "path", "size", "blob", "upload", "upload__offset")
        state["files"] = [
            {
                "id": str(pk),
                "path": path,
                "size": size,
                "offset": size if blob else at or 0,
                "upload": None if blob or upload_id is None else f"{UPLOADS}{upload_id}",
            }
            for pk, path, size, blob, upload_id, at in files
        ]
    return state
