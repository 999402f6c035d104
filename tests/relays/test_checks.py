"""What is said about the kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from posthouse.relays import checks
from posthouse.web.health import Fact


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(checks, "BUFFERS", tmp_path)
    monkeypatch.setattr(checks, "has_bbr", lambda: True)
    (tmp_path / "tcp_rmem").write_text("4096\t131072\t6291456\n")
    (tmp_path / "tcp_wmem").write_text("4096\t16384\t4194304\n")
    return tmp_path


def test_the_kernels_own_buffers_are_enough_for_many_streams(kernel: Path) -> None:
    assert checks.long_line(None) == []
    assert [fact.status for fact in checks.facts()] == ["ok"]


def test_small_buffers_are_named_with_the_lines_that_mend_them(kernel: Path) -> None:
    (kernel / "tcp_wmem").write_text("4096 16384 1048576")
    (message,) = checks.long_line(None)
    assert message.id == "posthouse.relays.W002"
    assert message.msg.startswith("net.ipv4.tcp_wmem let a connection")
    assert message.hint is not None
    assert "net.ipv4.tcp_wmem = 4096 65536 67108864" in message.hint


def test_a_missing_bbr_is_named_with_the_lines_that_mend_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks.sockets, "CONGESTION", "no-such-thing")
    assert not checks.has_bbr()
    (message,) = [one for one in checks.long_line(None) if one.id == "posthouse.relays.W001"]
    assert message.hint is not None
    assert "net.ipv4.tcp_congestion_control=bbr" in message.hint
    assert any(isinstance(fact, Fact) and fact.cure == message.hint for fact in checks.facts())


def test_what_cannot_be_seen_is_not_complained_about(kernel: Path) -> None:
    (kernel / "tcp_rmem").unlink()
    (kernel / "tcp_wmem").write_text("?")
    assert checks.small_buffers() == []
