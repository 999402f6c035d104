"""D12 for uploads: a disk that is full, and a server that is killed while it takes a file."""

from __future__ import annotations

import base64
import os
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from posthouse.store import blobs
from posthouse.store.disk import Disk
from tests.acceptance.servers import PASSWORD, RealServer, running
from tests.store.disks import small_disk
from tests.transfers.conftest import PART


def test_a_full_disk_is_told_and_the_upload_goes_on_when_there_is_room(
    make_package, tus, tmp_path: Path, settings, monkeypatch
) -> None:
    settings.POSTHOUSE = settings.POSTHOUSE.model_copy(update={"store_dir": tmp_path / "disk"})
    data = os.urandom(40 * PART)
    package = make_package(("a", len(data)))
    client = tus(package)
    with small_disk(tmp_path / "disk", len(data) // 2) as set_room:
        refused = client.create(package.files.get())
        assert refused.status == 507
        assert "has no room for this file" in refused.error
        monkeypatch.setattr(Disk, "free", lambda self: 2**40)  # there was room, and somebody else took it
        path = client.create(package.files.get()).headers["location"]
        pieces = [data[start : start + PART] for start in range(0, len(data), PART)]
        answer = client.patch(path, 0, pieces, Content_Length=str(len(data)))
        assert answer.status == 507
        assert "The store has no room left. What has arrived is kept" in answer.error
        kept = int(client.head(path).headers["upload-offset"])
        assert kept >= len(data) // 4
        set_room(4 * len(data))
        assert client.patch(path, kept, data[kept:]).status == 204
        assert b"".join(blobs.read(package.files.get().blob)) == data


@pytest.mark.acceptance
def test_an_upload_survives_kill_9_of_the_server(tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(os.urandom(96 * 1024 * 1024))
    server = RealServer("paris", tmp_path / "paris")
    with running(server):
        server.create_admin("alice", PASSWORD)
        client = server.client()
        client.log_in("alice", PASSWORD)
        draft = client.new_package("Film", ["alice"], {"a": source})
        upload = Interrupted(client, draft, source)
        for cut in (20, 55):  # MiB
            with upload.sent_until(cut * 1024 * 1024):
                server.restart()  # while the line is open and more is to come
            kept = upload.offset()
            assert 0 < kept <= cut * 1024 * 1024, "what was acknowledged is there, and nothing more is claimed"
        client.upload(client.draft(draft.id), {"a": source})
        target = tmp_path / "target.bin"
        client.fetch(next(link for link in client.downloads(draft.id) if not link.endswith(".zip")), target)
        assert target.read_bytes() == source.read_bytes()


class Interrupted:
    """An upload that sends only so much of what it announced, and then holds the line."""

    def __init__(self, client, draft, source: Path) -> None:
        self.client, self.source = client, source
        self.headers = {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {draft.right}"}
        name = base64.b64encode(draft.files[0]["id"].encode()).decode()
        size = source.stat().st_size
        answer = client.request(
            "POST",
            draft.uploads,
            body=b"",
            headers={**self.headers, "Upload-Length": str(size), "Upload-Metadata": f"file {name}"},
        )
        assert answer.status == 201, answer.text
        self.url = answer.headers["Location"]

    def offset(self) -> int:
        """Ask where it stands."""
        return int(self.client.request("HEAD", self.url, headers=self.headers).headers["Upload-Offset"])

    @contextmanager
    def sent_until(self, end: int) -> Iterator[None]:
        """Send what is missing up to `end`, and leave the rest open."""
        offset = self.offset()
        address = urlsplit(self.client.address)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        lines = [
            f"PATCH {self.url} HTTP/1.1",
            f"Host: {address.netloc}",
            f"Content-Length: {self.source.stat().st_size - offset}",
            f"Upload-Offset: {offset}",
            "Content-Type: application/offset+octet-stream",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        with (
            socket.create_connection((address.hostname, address.port)) as plain,
            context.wrap_socket(plain) as line,
        ):
            line.sendall("\r\n".join([*lines, "", ""]).encode())
            line.sendall(self.source.read_bytes()[offset:end])
            time.sleep(1.5)  # a little more than the server waits between two notes of its progress
            yield
