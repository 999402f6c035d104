"""Uploading by tus 1.0: goes on after every kind of interruption from what the server has."""

from __future__ import annotations

import base64
from urllib.parse import urljoin

from urllib3.exceptions import HTTPError

from posthouse.cli.browser import Answer, Browser, ClientError
from posthouse.cli.patience import Patience
from posthouse.cli.sources import Source

TUS = {"Tus-Resumable": "1.0.0"}
BODY_TYPE = "application/offset+octet-stream"
# Files up to this size travel with the request that creates their upload.
SMALL = 1024 * 1024


class Upload:
    """The upload of one file. `patience`: seconds without progress after which it gives up."""

    def __init__(self, browser: Browser, right: str, uploads: str, file: str, source: Source, patience: float) -> None:
        self.browser = browser
        self.headers = TUS | {"Authorization": f"Bearer {right}"}
        self.uploads = uploads
        self.file = file
        self.source = source
        self.size = source.size
        self.patience = patience

    def run(self, url: str | None = None) -> None:
        """Upload the file; `url`: the upload that was begun before. Raises ClientError when it cannot be done."""
        offset = 0
        patience = Patience(self.patience)
        asked = url is None  # whether `offset` is what the server has
        while True:
            try:
                if url is None:
                    url, now = self._create()
                elif not asked:
                    now = self._ask(url)
                    asked = True
                else:
                    now = self._send(url, offset)
            except (HTTPError, OSError, ClientError) as error:
                try:
                    patience.wait(error)
                except (HTTPError, OSError) as last:
                    raise ClientError(f"{self.source.name} makes no progress: {last}") from last
                asked = False
                continue
            if now >= self.size:
                return
            if now > offset:
                patience.gained()
            offset = now

    def _create(self) -> tuple[str, int]:
        coded = base64.b64encode(self.file.encode()).decode()
        headers = self.headers | {"Upload-Length": str(self.size), "Upload-Metadata": f"file {coded}"}
        body = b""
        if self.size <= SMALL:
            body = b"".join(self.source.pieces(0))
            headers["Content-Type"] = BODY_TYPE
        answer = self._checked(
            "POST", self.uploads, self.browser.request("POST", self.uploads, body=body, headers=headers)
        )
        return urljoin(answer.url, answer.headers["Location"]), int(answer.headers.get("Upload-Offset", 0))

    def _ask(self, url: str) -> int:
        answer = self._checked("HEAD", url, self.browser.request("HEAD", url, headers=self.headers))
        return int(answer.headers["Upload-Offset"])

    def _send(self, url: str, offset: int) -> int:
        headers = self.headers | {
            "Content-Type": BODY_TYPE,
            "Content-Length": str(self.size - offset),
            "Upload-Offset": str(offset),
        }
        answer = self.browser.request("PATCH", url, body=self.source.pieces(offset), headers=headers)
        return int(self._checked("PATCH", url, answer).headers["Upload-Offset"])

    def _checked(self, method: str, url: str, answer: Answer) -> Answer:
        if answer.status >= 300:
            raise ClientError(f"{method} {url}: {answer.status} {answer.text[:300]}", answer.status)
        return answer
