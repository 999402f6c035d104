"""Uploading small files many in one request: see posthouse.lib.bundles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from urllib3.exceptions import HTTPError

from posthouse.cli.browser import Browser, ClientError
from posthouse.cli.patience import Patience
from posthouse.cli.sources import Source
from posthouse.lib import bundles
from posthouse.lib.bundles import Item

PIECE = 64 * 1024
"""Bytes that are handed to the line at a time: for how long it takes them, not all of a bundle, there is a limit."""
TOO_LONG = 413


def fits(file: Mapping[str, Any]) -> bool:
    """Whether a file, as a package's state tells of it, may go in a bundle: it is small, and nothing of it is there."""
    return not file["upload"] and 0 < file["size"] <= bundles.EACH


def item(file: Mapping[str, Any], source: Source) -> Item | None:
    """Return a file with its bytes; None when they are not as many as were announced. Raises OSError and Changed."""
    data = b"".join(source.pieces(0))
    return Item(UUID(file["id"]), data) if len(data) == file["size"] else None


class Bundling:
    """The small files of one package on their way. `patience`: seconds without progress after which it gives up."""

    def __init__(self, browser: Browser, address: str, right: str, patience: float) -> None:
        self._browser = browser
        self._address = address
        self._headers = {"Authorization": f"Bearer {right}", "Content-Type": "application/octet-stream"}
        self._patience = patience

    def send(self, items: Sequence[Item]) -> set[str]:
        """Upload what makes up one bundle; return the ids of those that are there now. Others have to go alone.

        A bundle counts only when all of it is there, so over a line that breaks they go in smaller ones. Raises
        ClientError when it cannot be done.
        """
        here: set[str] = set()
        at, most = 0, len(items)
        bound = most
        hope = Patience(self._patience)
        while at < len(items):
            group = items[at : at + most]
            try:
                here |= self._post(bundles.pack(group))
            except ClientError as error:
                if error.status != TOO_LONG:
                    hope.wait(error)
                elif most > 1:
                    most = bound = most // 2  # a proxy before the server takes less at once
                else:
                    at += 1
            except (HTTPError, OSError) as error:
                if most > 1:
                    most //= 2
                    hope = Patience(self._patience)  # sending it may have taken longer than that
                try:
                    hope.wait(error)
                except (HTTPError, OSError) as last:
                    raise ClientError(f"the upload makes no progress: {last}") from last
            else:
                at += len(group)
                most = min(2 * most, bound)
                hope.gained()
        return here

    def _post(self, bundle: bytes) -> set[str]:
        pieces = (bundle[at : at + PIECE] for at in range(0, len(bundle), PIECE))
        headers = self._headers | {"Content-Length": str(len(bundle))}
        answer = self._browser.request("POST", self._address, body=pieces, headers=headers)
        if answer.status != 200:
            raise ClientError(f"POST {self._address}: {answer.status} {answer.text[:300]}", answer.status)
        return set(answer.json()["here"])
