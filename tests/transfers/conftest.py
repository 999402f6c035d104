"""A package of Alice's that waits for its files, and a tus client to send them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client as Browser

from posthouse.accounts.models import User
from posthouse.lib import bundles
from posthouse.lib.bundles import Item
from posthouse.packages import drafts, rights
from posthouse.packages.models import File, Package
from posthouse.store import packs, parts
from posthouse.transfers.asgi import application
from posthouse.transfers.models import Upload
from tests.transfers.driver import Answer, ask

START = f"{settings.POSTHOUSE.prefix}/transfers"
PART = 64 * 1024


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 64 KiB: files of several parts need not be large."""
    monkeypatch.setattr(parts, "PART", PART)


@pytest.fixture
def own_packs(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, small_parts: None) -> Iterator[None]:
    """A store that holds nothing of other tests, and packs of their real size, as in a process that has just begun."""
    (tmp_path / "store").mkdir()
    settings.POSTHOUSE = settings.POSTHOUSE.model_copy(update={"store_dir": tmp_path / "store"})
    monkeypatch.setattr(parts, "PART", 16 * 1024 * 1024)
    yield
    for pack in packs._open.values():
        pack.end()
    packs._open.clear()


@pytest.fixture
def alice(transactional_db: None, alice: User) -> User:
    """Alice, committed: the data plane has database connections of its own."""
    return alice


@pytest.fixture
def make_package(alice: User) -> Callable[..., Package]:
    """Make a package of Alice's for herself, from paths and sizes."""
    return lambda *files: drafts.create(alice, "Rushes", "", ["alice"], list(files))


class Tus:
    """A client of the data plane that holds the right to one package."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self.right = rights.issue(package)

    def headers(self, **more: str | None) -> dict[str, str]:
        """Return the headers of a request; a value of None leaves one out. Underscores stand for hyphens."""
        fields = {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {self.right}"}
        fields |= {name.replace("_", "-"): value for name, value in more.items()}
        return {name: value for name, value in fields.items() if value is not None}

    def creation(self, file: File, **more: str | None) -> dict[str, str]:
        """Return the headers of a creation request."""
        name = base64.b64encode(str(file.id).encode()).decode()
        return self.headers(**{"Upload_Length": str(file.size), "Upload_Metadata": f"file {name}", **more})

    def create(self, file: File, body: Any = b"", **more: str | None) -> Answer:
        """Create the upload of a file."""
        return ask(application, "POST", f"{START}/uploads/", self.creation(file, **more), body)

    def patch_headers(self, offset: int, **more: str | None) -> dict[str, str]:
        """Return the headers of a PATCH request."""
        return self.headers(**{"Upload_Offset": str(offset), "Content_Type": "application/offset+octet-stream", **more})

    def patch(self, path: str, offset: int, body: Any = b"", **more: str | None) -> Answer:
        """Send bytes."""
        return ask(application, "PATCH", path, self.patch_headers(offset, **more), body)

    def head(self, path: str, **more: str | None) -> Answer:
        """Ask where the upload stands."""
        return ask(application, "HEAD", path, self.headers(**more))

    def delete(self, path: str) -> Answer:
        """End the upload."""
        return ask(application, "DELETE", path, self.headers())

    def bundle(self, files: Mapping[int, bytes] | bytes | list[Any], **more: str | None) -> Answer:
        """Send files, by their numbers, in one request; or a body that is no such thing."""
        body: Any = files
        if isinstance(files, Mapping):
            ids = dict(self.package.files.values_list("number", "pk"))
            body = bundles.pack(Item(ids[number], data) for number, data in files.items())
        return ask(application, "POST", f"{START}/bundles", self.headers(Tus_Resumable=None, **more), body)

    def send(self, file: File, contents: bytes) -> None:
        """Upload a whole file."""
        path = self.create(file).headers["location"]
        answer = self.patch(path, 0, contents)
        assert answer.status == 204, answer


@pytest.fixture
def tus() -> type[Tus]:
    """The client."""
    return Tus


@pytest.fixture
def upload_of() -> Callable[[str], Upload]:
    """Return the row behind an upload's path."""
    return lambda path: Upload.objects.select_related("blob", "file").get(id=path.rpartition("/")[2])


@pytest.fixture
def cookie() -> Callable[[User], dict[str, str]]:
    """Log somebody in and return his Cookie header."""

    def log_in(user: User) -> dict[str, str]:
        browser = Browser()
        browser.force_login(user)
        return {"Cookie": f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"}

    return log_in
