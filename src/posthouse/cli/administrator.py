"""An administrator at the pages under Server > Multi-Server: joins servers to a cluster, tests and syncs them."""

from __future__ import annotations

import re
import time
from html import escape
from urllib.parse import urljoin

from posthouse.cli.browser import Answer, ClientError
from posthouse.cli.client import Client
from posthouse.cluster import words

SERVERS = "server/multi-server/"
SYNC_SECONDS = 120.0


class Administrator(Client):
    """An administrator's session with one server. What a page refuses is raised as ClientError."""

    def fingerprint(self) -> str:
        """Return the fingerprint of this server, as it is read to whoever pairs another one with it."""
        for text in re.findall(r"[a-z]+(?:-[a-z]+){3}(?: [a-z]+(?:-[a-z]+){3}){3}", self.get(SERVERS).page.text):
            if words.read(text) is not None:
                return str(text)
        raise ClientError(f"{self.address} shows no fingerprint")

    def convert(self, name: str, master: str, fingerprint: str) -> None:
        """Convert this server, called `name`, to a slave of the master at an address, once the fingerprint is right."""
        asked = self.fill_in(self.get(f"{SERVERS}convert/"), {"address": master})
        compared = self._compared(asked, fingerprint)
        self._done(self.fill_in(compared, {"typed": name}, has=["key"]), f"is a slave of {name}", refused="typed")

    def add(self, name: str, host: str, port: int, fingerprint: str) -> None:
        """Add a slave to the Server List of this master, once the fingerprint is right."""
        asked = self.fill_in(self.get(f"{SERVERS}new/"), {"name": name, "host": host, "port": str(port)})
        compared = self._compared(asked, fingerprint)
        self._done(self.fill_in(compared, {}, has=["key"]), f"{name} was added", refused="host")

    def test(self, name: str) -> None:
        """Test the way to another server. Raises ClientError with what does not work."""
        text = self.get(f"{self._server(name)}test/?lines=1").page.text
        if "need of one another works" not in text:
            raise ClientError(f"the test of {name} failed: {text}")

    def sync(self, name: str) -> None:
        """Sync a slave by hand and wait until it is OK."""
        server = self._server(name)
        self.get(SERVERS)
        self.post(f"{server}sync/", {})
        end = time.monotonic() + SYNC_SECONDS
        while True:
            text = self.get(f"{server}status/").page.text
            if text.startswith("OK"):
                return
            if not text.startswith(("Syncing", "Waiting")) or time.monotonic() > end:
                raise ClientError(f"the sync of {name} failed: {text}")
            time.sleep(0.1)

    def _server(self, name: str) -> str:
        page = self.get(SERVERS)
        found = re.search(rf'href="([^"]+)test/" aria-label="Test {re.escape(escape(name))}"', page.text)
        if found is None:
            raise ClientError(f"{name} is not in the Server List")
        return urljoin(page.url, str(found[1]))

    def _compared(self, answer: Answer, fingerprint: str) -> Answer:
        text = answer.page.text
        if fingerprint not in text:
            raise ClientError(f"the fingerprint {fingerprint} is not on the page: {text}")
        return answer

    def _done(self, answer: Answer, deed: str, refused: str) -> None:
        if any(refused in form.names for form in answer.page.forms):
            raise ClientError(f"refused, so not done: {deed}: {answer.page.text}")
