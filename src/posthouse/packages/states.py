"""What the server has of a package, for the client that uploads it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.conf import settings

from posthouse.packages import marks, rights
from posthouse.packages.models import Package
from posthouse.store.errors import StoreError
from posthouse.store.models import Blob

MARKED = 500
"""Files that are half there at the same time, of which marks are told; a few are what clients leave."""
UPLOADS = f"{settings.POSTHOUSE.prefix}/transfers/uploads/"
BUNDLES = f"{settings.POSTHOUSE.prefix}/transfers/bundles"
DOWNLOADS = f"{settings.POSTHOUSE.prefix}/transfers/downloads/"


def of(package: Package, url: str, again: str) -> dict[str, Any]:
    """Return what a client needs to upload, or to go on with, a package.

    {package, url, again, status, right, uploads, bundles, files: [{id, path, size, offset, upload}], envelope}: `url`
    is the package's page, at `again` this is asked for anew; at `uploads` a file's upload is made, at `bundles` small
    files come many at once (see posthouse.lib.bundles); `upload` is the address at which a file's upload goes on, null
    if it was not begun or is complete. A package that is not uploading any more has no right and no files. `envelope`
    is null unless the package is encrypted; then each file also has `marks` (see posthouse.packages.marks).
    """
    state: dict[str, Any] = {
        "package": str(package.pk),
        "url": url,
        "again": again,
        "status": package.status,
        "right": None,
        "uploads": UPLOADS,
        "bundles": BUNDLES,
        "files": [],
        "envelope": json.loads(package.envelope) if package.envelope else None,
    }
    if package.status == Package.Status.UPLOADING:
        state["right"] = rights.issue(package)
        # The uploads are rows of a higher room; the join names them, and nothing here depends on what they are.
        files = package.files.values_list("pk", "path", "size", "blob", "upload", "upload__offset", "upload__blob")
        state["files"] = [
            {
                "id": str(pk),
                "path": path,
                "size": size,
                "offset": size if blob else at or 0,
                "upload": None if blob or upload_id is None else f"{UPLOADS}{upload_id}",
            }
            for pk, path, size, blob, upload_id, at, _ in files
        ]
        if package.encrypted:
            _mark(state["files"], {str(row[0]): row[6] for row in files})
    return state


def _mark(files: list[dict[str, Any]], arriving: dict[str, UUID | None]) -> None:
    begun = [file for file in files if file["upload"] and 0 < file["offset"] < file["size"]]
    known = Blob.objects.in_bulk([one for file in begun[:MARKED] if (one := arriving[file["id"]])])
    for file in files:
        file["marks"] = []
    for file in begun:
        found = arriving[file["id"]]
        if found and (blob := known.get(found)):
            with suppress(StoreError):  # whoever goes on with the upload will be told
                file["marks"] = marks.of(blob, file["offset"])
