"""Who types his password at the wrong server is handed over to his home server, and nobody else is (M1, D3)."""

from __future__ import annotations

import base64
import re
import threading

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection
from django.test import Client
from django.urls import reverse

from posthouse.accounts.models import User
from posthouse.audit import log as audit
from posthouse.cluster import identity, servers
from posthouse.cluster.models import Server
from posthouse.licensing import licences
from posthouse.licensing.models import Session
from tests.accounts.letters import START, TOKYO, Clock, bring, clock, is_in, letter, letter_on, log_in
from tests.cluster.conftest import Signer
from tests.conftest import PASSWORD, make_user
from tests.licensing.conftest import Issue, issue

__all__ = ["clock", "issue"]  # fixtures


class TestAtTheWrongServer:
    """Bob, who lives at tokyo, logs in here."""

    def test_the_page_has_a_button_that_goes_on_at_the_home_server(self, client: Client, paris: Server, bob: User):
        page = log_in(client, "bob")
        assert page.status_code == 403
        assert f'<form method="post" action="{TOKYO}{reverse("accounts:arrive")}">' in page.content.decode()
        assert b"Go on at tokyo" in page.content
        assert b"csrfmiddlewaretoken" not in page.content, "it is no affair of the other server's"

    def test_no_session_is_made(self, client: Client, paris: Server, bob: User) -> None:
        log_in(client, "bob")
        assert not Session.objects.exists()
        assert not is_in(client)

    def test_only_this_page_may_send_a_form_elsewhere_and_only_to_the_home_server(
        self, client: Client, paris: Server, bob: User, rio: Server
    ) -> None:
        Server.objects.filter(name="tokyo").update(port=8443)
        page = log_in(client, "bob")
        assert "form-action https://tokyo.example:8443;" in page.headers["Content-Security-Policy"] + ";"
        form = client.get(reverse("accounts:login"), secure=True)
        assert "form-action 'self'" in form.headers["Content-Security-Policy"]
        assert (page.headers["Referrer-Policy"], form.headers["Referrer-Policy"]) == ("strict-origin", "same-origin")

    def test_the_page_is_kept_nowhere(self, client: Client, paris: Server, bob: User) -> None:
        assert "no-store" in log_in(client, "bob").headers["Cache-Control"]

    def test_the_letter_stands_in_no_address_and_holds_no_password(
        self, client: Client, paris: Server, bob: User
    ) -> None:
        page = log_in(client, "bob")
        text = letter_on(page)
        assert page.content.decode().count(text) == 1
        assert not re.search(rf'(href|action)="[^"]*{re.escape(text)}', page.content.decode())
        body = base64.urlsafe_b64decode(text.split(".")[0])
        assert PASSWORD.encode() not in body
        assert bob.password.encode() not in body

    def test_the_letter_is_not_logged(
        self, client: Client, paris: Server, bob: User, capsys: pytest.CaptureFixture[str]
    ) -> None:
        text = letter_on(log_in(client, "bob"))
        bring(Client(), text)
        written = "".join(capsys.readouterr())
        assert "handed over" in written
        assert text.split(".")[1] not in written

    def test_no_letter_without_the_password(self, client: Client, paris: Server, bob: User) -> None:
        form = {"username": "bob", "password": "guess"}
        assert b'name="letter"' not in client.post(reverse("accounts:login"), form, secure=True).content


class TestAtTheHomeServer:
    """Alice, who lives here, was at tokyo."""

    def test_the_person_is_logged_in(self, client: Client, signer: Signer, alice: User) -> None:
        answer = bring(client, letter(signer, alice))
        assert (answer.status_code, answer.headers["Location"]) == (302, reverse("packages:received"))
        assert is_in(client)

    def test_the_session_is_a_new_one(self, client: Client, signer: Signer, alice: User, paris: Server) -> None:
        client.force_login(make_user("mallory", paris))
        before = client.session.session_key
        bring(client, letter(signer, alice))
        assert client.session.session_key != before
        assert not Session.objects.filter(session_key=before).exists()
        assert b"alice@example.com" in client.get(reverse("accounts:me"), secure=True).content

    @pytest.mark.parametrize("asked", ["accounts:me", "packages:sent"])
    def test_the_page_that_was_asked_for_comes_next(
        self,
        client: Client,
        signer: Signer,
        alice: User,
        asked: str,
    ) -> None:
        answer = bring(client, letter(signer, alice, asked=reverse(asked)))
        assert answer.headers["Location"] == reverse(asked)

    @pytest.mark.parametrize(
        "goal", ["https://evil.example/", "//evil.example/", "javascript:x", "@evil.example", "\\\\evil.example", 5]
    )
    def test_nobody_is_led_away(self, client: Client, signer: Signer, alice: User, goal: object) -> None:
        answer = bring(client, letter(signer, alice, goal=goal))
        assert answer.status_code == 302
        assert answer.headers["Location"] in {reverse("packages:received"), f"{reverse('front')}/evil.example/"}

    def test_both_keys_are_good_while_a_key_is_rotated(self, client: Client, signer: Signer, alice: User) -> None:
        new = identity.text_of(Ed25519PrivateKey.generate().public_key())
        Server.objects.filter(pk=signer.server.pk).update(keys=[new, *signer.server.keys])
        bring(client, letter(signer, alice))
        assert is_in(client)
        Server.objects.filter(pk=signer.server.pk).update(keys=[new])
        assert bring(Client(), letter(signer, alice)).status_code == 403

    def test_the_page_may_stand_at_the_alternate_address(self, client: Client, signer: Signer, alice: User) -> None:
        Server.objects.filter(pk=signer.server.pk).update(alternate_address="Tokyo.Outside.example:8443")
        assert bring(client, letter(signer, alice), "https://tokyo.outside.example:8443").status_code == 302

    def test_an_address_from_the_history_leads_to_the_log_in(self, client: Client, paris: Server) -> None:
        answer = client.get(reverse("accounts:arrive"), secure=True)
        assert (answer.status_code, answer.headers["Location"]) == (302, reverse("accounts:login"))

    def test_an_arrival_takes_a_seat_or_is_told_that_none_is_free(
        self, client: Client, signer: Signer, alice: User, paris: Server, issue: Issue
    ) -> None:
        """D2."""
        licences.install(issue(seats=1), audit.COMMAND_LINE)
        other = Client()
        log_in(other, make_user("dora", paris).login)
        answer = bring(client, letter(signer, alice))
        assert answer.status_code == 403
        assert b"The one seat of this server is taken" in answer.content
        assert not is_in(client)
        other.post(reverse("accounts:logout"), secure=True)
        bring(client, letter(signer, alice))
        assert is_in(client)

    def test_of_two_who_bring_the_same_letter_at_once_one_gets_in(
        self,
        transactional_db: None,
        signer: Signer,
        alice: User,
    ) -> None:
        text = letter(signer, alice)
        start, statuses = threading.Barrier(4), []

        def one() -> None:
            start.wait()
            try:
                statuses.append(bring(Client(), text).status_code)
            finally:
                connection.close()

        threads = [threading.Thread(target=one) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [302, 403, 403, 403]


class TestTime:
    """A letter is good for 60 seconds, and clocks may differ by as much as in calls between servers."""

    @pytest.mark.parametrize(("seconds", "status"), [(0, 302), (59, 302), (61, 403), (300, 403), (3600, 403)])
    def test_sixty_seconds_by_equal_clocks(
        self,
        client: Client,
        signer: Signer,
        alice: User,
        seconds: int,
        status: int,
    ) -> None:
        with time_machine.travel(START, tick=False) as now:
            text = letter(signer, alice)
            now.shift(seconds)
            assert bring(client, text).status_code == status

    @pytest.mark.parametrize(
        ("ahead", "waited", "status"),
        [
            (-290, 50, 302),  # their clock is behind: the letter looks old, and is not
            (-290, 70, 403),
            (290, 50, 302),  # theirs is ahead: it looks as if it were written in the future
            (290, 70, 403),
            (-310, 55, 403),  # more than calls between servers allow
            (400, 50, 403),
        ],
    )
    def test_a_clock_that_differs_is_allowed_for(
        self,
        client: Client,
        signer: Signer,
        alice: User,
        clock: Clock,
        ahead: int,
        waited: int,
        status: int,
    ) -> None:
        with time_machine.travel(START, tick=False) as now:
            now.shift(ahead)
            text = letter(signer, alice)
            now.shift(-ahead + waited)
            clock.ahead = ahead
            assert bring(client, text).status_code == status

    def test_nobody_is_asked_while_the_clocks_agree(
        self,
        client: Client,
        signer: Signer,
        alice: User,
        clock: Clock,
    ) -> None:
        bring(client, letter(signer, alice))
        assert clock.asked == []

    def test_without_an_answer_an_old_letter_is_refused(
        self,
        client: Client,
        signer: Signer,
        alice: User,
        clock: Clock,
    ) -> None:
        clock.away = True
        with time_machine.travel(START, tick=False) as now:
            text = letter(signer, alice)
            now.shift(70)
            assert b"The clocks of tokyo and paris differ" in bring(client, text).content
        assert clock.asked == [f"{servers.this().namespace}/cluster/test"]
