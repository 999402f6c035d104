"""The identity key is made once and read by nobody else (D7)."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from django.conf import LazySettings, settings

from posthouse.cluster import identity, words
from posthouse.cluster.checks import key_files
from posthouse.config.options import Options


@pytest.fixture
def data_dir(tmp_path: Path, settings: LazySettings) -> Path:
    settings.POSTHOUSE = settings.POSTHOUSE.model_copy(update={"data_dir": tmp_path / "new"})
    return tmp_path / "new"


def test_the_key_is_made_once_for_its_owner_only(data_dir: Path) -> None:
    path = identity.ensure()
    key = path.read_bytes()

    assert identity.ensure().read_bytes() == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in data_dir.iterdir()] == [path.name], "nothing is left beside it"


def test_the_slower_of_two_processes_takes_the_key_of_the_quicker(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = identity.ensure().read_bytes()
    monkeypatch.setattr(Path, "exists", lambda _: False)

    assert identity.ensure().read_bytes() == first
    assert len(list(data_dir.iterdir())) == 1


def test_a_fingerprint_can_be_read_aloud() -> None:
    fingerprint = identity.fingerprint(identity.public_key())
    assert re.fullmatch(r"[a-z]+(-[a-z]+){3}( [a-z]+(-[a-z]+){3}){3}", fingerprint), "four groups of four words"
    assert identity.fingerprint("A" * 43 + "=") != fingerprint


def test_a_fingerprint_is_known_however_it_is_typed() -> None:
    key = identity.public_key()
    spoken, written = identity.fingerprint(key), identity.code(key)
    for typed in (spoken, spoken.upper(), spoken.replace("-", " "), f"  {spoken.replace(' ', ', ')}.", written):
        assert identity.is_fingerprint(typed, key)
    assert identity.is_fingerprint(written.lower().replace("-", ""), key)
    other = identity.fingerprint("A" * 43 + "=")
    for typed in (other, spoken.rsplit("-", 1)[0], f"{spoken} acid", written[:-1], "", "hello"):
        assert not identity.is_fingerprint(typed, key)


def test_every_byte_is_a_word_of_its_own() -> None:
    everything = bytes(range(256))
    assert len(set(words.WORDS)) == 256
    assert words.read(words.spell(everything)) == everything


def test_a_public_key_survives_its_text() -> None:
    assert identity.text_of(identity.load_public(identity.public_key())) == identity.public_key()


@pytest.mark.parametrize("text", ["", "AAAA", "not base64!", "é"])
def test_a_text_that_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any of its kinds
        identity.load_public(text)


def test_the_key_lies_in_the_data_folder() -> None:
    options: Options = settings.POSTHOUSE
    assert identity.ensure() == options.data_dir / "identity.key"


def test_a_key_that_others_can_read_is_complained_of(data_dir: Path) -> None:
    path = identity.ensure()
    assert key_files(None) == []
    path.chmod(0o640)
    (complaint,) = key_files(None)
    assert f"chmod 600 {path}" in str(complaint.hint)
