"""`posthouse send`, `fetch` and `list`, as far as no server is needed: what is sent, asked for, and refused."""

from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path

import pytest

from posthouse.cli import desk, fetching, post
from posthouse.cli.browser import Answer, ClientError
from posthouse.cli.errors import Stop
from posthouse.cli.fetching import Entry
from posthouse.cli.letter import Letter

FILES = [Entry("1", "a/x.txt", 1), Entry("2", "a/b/y.txt", 1), Entry("3", "ab.txt", 1)]


def test_a_folder_gives_all_that_is_in_it_under_its_name(tmp_path: Path) -> None:
    (tmp_path / "shoot" / "day").mkdir(parents=True)
    for name in ("shoot/a.mov", "shoot/day/e\u0301.mov", "b.txt"):
        (tmp_path / name).write_text("x")
    found = post.collected([tmp_path / "shoot", tmp_path / "b.txt"])
    assert set(found) == {"shoot/a.mov", "shoot/day/\xe9.mov", "b.txt"}
    assert found["b.txt"] == tmp_path / "b.txt"


def test_the_folder_that_one_is_in_has_a_name_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shoot").mkdir()
    (tmp_path / "shoot" / "a.mov").write_text("x")
    monkeypatch.chdir(tmp_path / "shoot")
    assert set(post.collected([Path()])) == {"shoot/a.mov"}


def test_what_is_not_there_and_what_would_be_there_twice_is_refused(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.txt").write_text("x")
    with pytest.raises(Stop, match="There is no file"):
        post.collected([tmp_path / "none"])
    with pytest.raises(Stop, match="same name"):
        post.collected([tmp_path / "one" / "a.txt", tmp_path / "two" / "a.txt"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(Stop, match="no file to send"):
        post.collected([tmp_path / "empty"])


def test_files_and_folders_are_asked_for_by_their_paths() -> None:
    assert fetching.wanted(FILES, []) == FILES
    assert fetching.wanted(FILES, ["a"]) == FILES[:2]
    assert fetching.wanted(FILES, ["ab.txt", "a/b"]) == FILES[1:]
    with pytest.raises(ClientError, match=r"has no b\.txt"):
        fetching.wanted(FILES, ["b.txt", "a"])


class Browser:
    """Gives one answer to whatever is asked."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def request(self, method: str, path: str) -> Answer:
        return Answer(200, {}, self.body, path)


@pytest.mark.parametrize(
    "files",
    [
        '[{"id": "1", "path": "../evil", "size": 1}]',
        '[{"id": "1", "path": "/etc/passwd", "size": 1}]',
        '[{"id": "1", "path": "C:evil", "size": 1}]',
        '[{"path": "a"}]',
        "7",
    ],
)
def test_a_server_cannot_make_us_write_elsewhere(files: str) -> None:
    body = f'{{"title": "T", "downloads": "/d/", "envelope": null, "files": {files}}}'
    with pytest.raises(ClientError, match="cannot be used"):
        fetching.contents(Browser(body.encode()), "x")  # type: ignore[arg-type]


def test_a_secret_is_the_first_line_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text(" with spaces \r\nmore")
    assert post.secret(tmp_path / "secret", "Passphrase") == " with spaces "
    with pytest.raises(Stop, match="cannot be read"):
        post.secret(tmp_path / "none", "Passphrase")
    monkeypatch.setattr("sys.stdin", io.StringIO("asked for"))
    with pytest.raises(Stop, match="Name a file that holds it"):
        post.secret(None, "Passphrase")


def test_a_short_passphrase_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    place = post.Place("https://nowhere.example/", "alice")
    with pytest.raises(Stop, match="at least 12"):
        post.send(place, Letter("T", to=["bob"]), [tmp_path / "a.txt"], "eleven char", print)


@pytest.mark.parametrize("name", ["", "x", "https://host/packages/", "a" * 36])
def test_what_names_no_package_is_refused(name: str) -> None:
    with pytest.raises(Stop, match="names no package"):
        post.package_id(name)


def test_a_letter_says_only_what_was_typed() -> None:
    said = Letter("T", to=["bob"]).members()
    assert said["recipients"] == ["bob"]
    assert (said["private"], said["cc"]) == ([], {})
    assert not {"days", "release"} & said.keys()
    assert "days" not in said["link"]


def test_a_letter_has_private_recipients_copies_and_terms() -> None:
    cc = {"upload": ["u"], "receipt": [], "download": ["d"]}
    said = Letter("T", private=["carla"], cc=cc, days=0, after="all", link_days=3, link_password="p" * 8).members()
    assert said["private"] == ["carla"]
    assert said["cc"] == {"upload": ["u"], "download": ["d"]}
    assert (said["days"], said["after"]) == (None, "all")
    assert said["link"] == {"days": 3, "once": False, "password": "p" * 8}
    assert Letter(days=7, link_days=0).members()["link"]["days"] is None


def test_a_release_without_a_zone_is_in_the_time_of_this_machine() -> None:
    moment = datetime.fromisoformat(Letter(release="2030-12-31T18:00").members()["release"])
    assert moment.utcoffset() is not None
    assert moment.isoformat().startswith("2030-12-31T18:00:00"), "as it was typed"
    with pytest.raises(Stop, match="soon is no time"):
        Letter(release="soon").members()


def test_a_row_names_the_people_and_what_became_of_it() -> None:
    row = {"package": "P", "title": "T", "files": 1, "size": 1234, "time": "2030-12-31T18:00:00Z"}
    sent = row | {"to": ["Bob", "Carla"], "recipients": 5, "status": "Recalled"}
    assert desk.line(sent) == "P  2030-12-31T18:00  Bob, Carla and 3 more: T (1 file, 1,234 bytes, Recalled)"
    received = row | {"from": "Alice", "files": 2, "downloaded": False}
    assert desk.line(received) == "P  2030-12-31T18:00  Alice: T (2 files, 1,234 bytes, new)"


@pytest.mark.parametrize(("name", "limit"), [("all", 5), ("sent", 0)])
def test_what_cannot_be_listed_is_refused(name: str, limit: int) -> None:
    with pytest.raises(Stop):
        desk.listed(post.Place("https://nowhere.example/", "alice"), name, "", limit)
