"""Whatever people type into titles and names, a mail says what it is and has the headers that we gave it."""

from __future__ import annotations

import pytest

from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.lib.characters import one_line
from posthouse.notices import outbox
from posthouse.notices.letters import Letter, link
from posthouse.notices.models import OutgoingMail
from tests.notices.conftest import Post, attempt, bodies

EVIL = "Hi\r\nBcc: eve@example.com\r\n\r\n<script>alert(1)</script>\u202egpj.exe\u2028{{ 7|add:7 }}"


def test_no_title_adds_a_header_or_a_line(post: Post, alice: User) -> None:
    outbox.tell([alice], "x", Letter(EVIL, EVIL, {"Title": EVIL}))
    mail = attempt()
    assert mail is not None
    assert mail.state == "done"
    [(recipients, sent)] = post.taken
    assert recipients == ["alice@example.com"]
    assert sent["Bcc"] is None
    assert sent["Subject"] == "Hi Bcc: eve@example.com <script>alert(1)</script>gpj.exe {{ 7|add:7 }}"
    plain, html = bodies(sent)
    assert "\nTitle: Hi Bcc: eve@example.com <script>alert(1)</script>gpj.exe {{ 7|add:7 }}\n" in plain
    assert "\u202e" not in plain + html
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_a_long_subject_is_cut(alice: User) -> None:
    outbox.tell([alice], "x", Letter("x" * 500, ""))
    subject = OutgoingMail.objects.get().subject
    assert len(subject) == 200
    assert subject.endswith("x…")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("a\tb\x00c\x85d", "a b c d"),
        ("  a \n\n b ", "a b"),
        ("👩‍🎬 שלום", "👩‍🎬 שלום"),
        ("\u2066a\u2069\u200f", "a"),
        ("\ud800", ""),
    ],
)
def test_a_line_keeps_what_is_seen_and_nothing_else(text: str, line: str) -> None:
    assert one_line(text) == line


def test_a_link_leads_to_this_server_whatever_a_request_said(paris: Server) -> None:
    assert link("notices:mails") == "https://paris.example/aspera/faspex/server/mail/"
