"""A client of Posthouse that goes the ways of its pages: log in, send a package, fetch one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from urllib3.exceptions import HTTPError

from posthouse.cli import bundling
from posthouse.cli.browser import PIECE, Answer, Browser, ClientError
from posthouse.cli.bundling import Bundling
from posthouse.cli.patience import Patience
from posthouse.cli.sources import Plain, Sealed, Source
from posthouse.cli.uploads import Upload
from posthouse.lib import bundles, envelopes
from posthouse.lib.envelopes import Envelope

AT_ONCE = 4
"""Files, or bundles of small ones, that are uploaded at the same time."""
PACKAGE_LINK = r"/packages/([0-9a-f]{8}-[0-9a-f-]{27})$"


@dataclass(frozen=True)
class Draft:
    """A package that awaits its files."""

    id: str
    right: str
    uploads: str
    files: list[dict[str, Any]]
    """id, path, size, offset, upload (its address, or nothing) of each."""
    envelope: Envelope | None
    """Of an encrypted package."""
    bundles: str = ""
    """Where small files go up many at once; nowhere on older servers."""


class Client(Browser):
    """One person at one server."""

    def log_in(self, login: str, password: str) -> None:
        """Log in by the page for it, as nobody before. Raises ClientError when that is refused."""
        self.cookies.clear()  # a log-in whose answer was lost may have succeeded, and there is no form for a second
        answer = self.fill_in(self.get("login/"), {"username": login, "password": password})
        if answer.status != 200 or not any(
            name.startswith("posthouse_") and "csrf" not in name for name in self.cookies
        ):
            raise ClientError(f"{login} could not log in at {self.address}: {answer.page.text[:300]}", answer.status)

    def new_account(self, login: str, name: str, email: str, password: str, home: str) -> None:
        """Make an account as an administrator does, with the name of its home server. Raises ClientError."""
        page = self.get("accounts/new/")
        server = page.page.form("login", "home").choices["home"].get(home)
        if server is None:
            raise ClientError(f"there is no home server {home} to choose")
        fields = {"login": login, "name": name, "email": email, "password": password, "home": server}
        answer = self.fill_in(page, fields)
        if answer.status != 200 or "home" in {name for form in answer.page.forms for name in form.names}:
            raise ClientError(f"the account {login} was refused: {answer.page.text[:500]}", answer.status)

    def new_package(
        self,
        title: str,
        recipients: list[str],
        files: Mapping[str, Path],
        note: str = "",
        key: str = "",
        envelope: Envelope | None = None,
        more: Mapping[str, Any] = MappingProxyType({}),
    ) -> Draft:
        """Make a package. `files`: the path inside the package → the file on this machine.

        With an `envelope` the files will be encrypted. `more` is what else the call says.

        A call with the same `key` may be made again when the answer was lost: it makes no second package.
        """
        size = envelopes.sealed_size if envelope else int
        value = {
            "title": title,
            "note": note,
            "recipients": recipients,
            "files": [{"path": path, "size": size(source.stat().st_size)} for path, source in files.items()],
            "key": key,
            "envelope": envelope.members() if envelope else None,
            **more,
        }
        return self.make("packages/new", value)

    def make(self, address: str, value: Mapping[str, Any]) -> Draft:
        """Make a package by the call at this address. Raises ClientError."""
        self.get("packages/new")  # as the page does: it brings the CSRF cookie
        return self._draft(self.post_json(address, value), 201)

    def act(self, address: str) -> str:
        """Do what is done by a button of a page, and return what it says. Raises ClientError if nothing was done."""
        self.get("packages/new")
        answer = self.post_json(address, {})
        if answer.status not in {200, 409}:
            raise ClientError("There is no such package here, or it is not yours to decide about.", answer.status)
        found = answer.json()
        if answer.status == 409:
            raise ClientError(found["said"], answer.status)
        return str(found["said"])

    def get_json(self, address: str) -> Any:
        """Return what a page tells programs. Raises ClientError."""
        answer = self.request("GET", address, headers={"Accept": "application/json"})
        if answer.status != 200:
            raise ClientError(f"{address}: {answer.status} {answer.page.text[:300]}", answer.status)
        return answer.json()

    def draft(self, package: str) -> Draft:
        """Return a package whose upload was interrupted."""
        return self._draft(self.request("GET", f"packages/{package}/upload"), 200)

    def upload(self, draft: Draft, files: Mapping[str, Path], patience: float = 60.0, key: bytes | None = None) -> None:
        """Upload what is missing, small files in bundles, a few at a time, resuming as often as it takes.

        `patience`: seconds without progress after which a file is given up with ClientError. `key`: of an encrypted
        package. Raises sources.Changed when a file is not the one whose upload was begun.
        """

        def source(file: dict[str, Any]) -> Source:
            if not key:
                return Plain(files[file["path"]])
            sealed = Sealed(files[file["path"]], key, file["path"])
            sealed.check(file["marks"])
            return sealed

        def one(file: dict[str, Any]) -> None:
            Upload(self, draft.right, draft.uploads, file["id"], source(file), patience).run(file["upload"])

        def together(group: list[dict[str, Any]]) -> None:
            items = [item for file in group if (item := bundling.item(file, source(file)))]
            here = Bundling(self, draft.bundles, draft.right, patience).send(items)
            for file in group:
                if file["id"] not in here:
                    one(file)

        missing = [file for file in draft.files if file["offset"] < file["size"]]
        small = [file for file in missing if draft.bundles and bundling.fits(file)]
        jobs = [partial(together, group) for group in bundles.groups(small, lambda file: int(file["size"]))]
        jobs += [partial(one, file) for file in missing if not (draft.bundles and bundling.fits(file))]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in pool.map(lambda job: job(), jobs):
                pass

    def send(self, title: str, recipients: list[str], files: Mapping[str, Path], note: str = "") -> str:
        """Make a package, upload its files, and return its id."""
        draft = self.new_package(title, recipients, files, note)
        self.upload(draft, files)
        return draft.id

    def status(self, package: str) -> str:
        """Return the status of a package as its page shows it: Uploading, Relaying, Complete or Error."""
        text = self.get(f"packages/{package}").page.text
        return next((word for word in ("Uploading", "Relaying", "Complete", "Error") if word in text), "unknown")

    def received(self) -> set[str]:
        """Return the ids of the packages on the first page of Received."""
        answer = self.get("packages/received")
        if answer.status != 200:
            raise ClientError(f"Received: {answer.status} {answer.page.text[:300]}", answer.status)
        return {found[1] for link in answer.page.links if (found := re.search(PACKAGE_LINK, link))}

    def has(self, package: str) -> bool:
        """Whether this person sees the package here, with something to fetch."""
        answer = self.get(f"packages/{package}")
        return answer.status == 200 and bool(self._downloads(package, answer.page.links))

    def downloads(self, package: str) -> list[str]:
        """Return the addresses of the package's files, as its page links to them; all of them as a zip file first."""
        answer = self.get(f"packages/{package}")
        if answer.status != 200:
            raise ClientError(f"package {package}: {answer.status} {answer.page.text[:300]}", answer.status)
        links = self._downloads(package, answer.page.links)
        return sorted(set(links), key=lambda link: not link.endswith("all.zip"))

    def fetch(self, address: str, target: Path, patience: float = 0.0) -> None:
        """Download to a file, resuming as often as it takes. A file that is there already is taken as its beginning.

        `patience`: seconds without progress after which it is given up. Raises ClientError when the server refuses,
        and HTTPError or OSError when it does not answer.
        """
        hope = Patience(patience)
        while True:
            have = target.stat().st_size if target.exists() else 0
            try:
                self._fetch_on(address, target, have)
                return
            except (HTTPError, OSError, ClientError) as error:
                if target.exists() and target.stat().st_size > have:
                    hope.gained()
                hope.wait(error)

    def _fetch_on(self, address: str, target: Path, have: int) -> None:
        headers = {"Range": f"bytes={have}-"} if have else {}
        response = self.stream("GET", address, headers=headers)
        try:
            if response.status == 416 and response.headers.get("Content-Range") == f"bytes */{have}":
                return  # it is all here
            if response.status not in {200, 206}:
                raise ClientError(f"{address}: {response.status} {response.read(300)!r}", response.status)
            with target.open("ab" if response.status == 206 else "wb") as file:
                for piece in response.stream(PIECE):
                    file.write(piece)
        finally:
            response.release_conn()

    def _draft(self, answer: Any, expected: int) -> Draft:
        if answer.status != expected:
            if sentences := _sentences(answer):
                raise ClientError(sentences, answer.status)
            raise ClientError(f"the package was refused: {answer.status} {answer.text[:500]}", answer.status)
        value = answer.json()
        envelope = envelopes.read(value["envelope"]) if value["envelope"] else None
        return Draft(
            value["package"], value["right"], value["uploads"], value["files"], envelope, value.get("bundles", "")
        )

    @staticmethod
    def _downloads(package: str, links: list[str]) -> list[str]:
        return [link for link in links if re.search(rf"/downloads/{package}/", link)]


def _sentences(answer: Answer) -> str:
    """Return what the server complains about, "" when its answer is of another kind."""
    try:
        return " ".join(sentence for complaints in answer.json()["errors"].values() for sentence in complaints)
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
