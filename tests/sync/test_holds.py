"""A sync that would make many accounts vanish, or whose master was set back, is stopped and asked about."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from typer.testing import CliRunner

from posthouse.accounts.models import Guard, User
from posthouse.audit.models import Event
from posthouse.cli import administering, cluster_decide
from posthouse.cli.cluster import app
from posthouse.cli.errors import Stop
from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.jobs.models import State
from posthouse.notices import conditions
from posthouse.notices.models import OutgoingMail
from posthouse.sync import automatic, feed
from posthouse.sync.models import Copy, HeldAccount, Hold, Mark, Run
from tests.cluster.far import Far
from tests.conftest import make_user
from tests.sync.backup import Backup
from tests.sync.work import copy_of, people, sync, work

LIST = reverse("sync:servers")


@pytest.fixture
def crowd(slave: Server, far: Far) -> Server:
    """The slave in sync, with an administrator and thirty users."""
    make_user("root", servers.this(), User.Role.ADMINISTRATOR)
    password = make_user("alice", servers.this()).password
    User.objects.bulk_create(
        [
            User(login=f"u{n:02}", name=f"U {n}", email=f"u{n}@x.example", password=password, home=slave)
            for n in range(30)
        ]
    )
    assert sync(slave).state == State.DONE
    return slave


@pytest.fixture
def web(crowd: Server, client: Client) -> Client:
    client.force_login(User.objects.get(login="root"))
    return client


def remove(count: int) -> None:
    chosen = list(User.objects.filter(login__startswith="u", removed_at=None).order_by("login")[:count])
    User.objects.filter(pk__in=[user.pk for user in chosen]).update(removed_at=timezone.now(), is_active=False)


def delete(count: int) -> None:
    chosen = list(User.objects.filter(login__startswith="u").order_by("login")[:count])
    User.objects.filter(pk__in=[user.pk for user in chosen]).delete()


def decide(web: Client, server: Server, decision: str, name: str = "tokyo", question: str | None = None) -> str:
    if question is None:
        question = Hold.objects.get(server=server).question
    data = {"decision": decision, "name": name, "question": question}
    return " ".join(web.post(reverse("sync:hold", args=[server.pk]), data, follow=True).content.decode().split())


@pytest.mark.parametrize("kind", [Run.Kind.AUTOMATIC, Run.Kind.MANUAL])
def test_many_accounts_that_vanish_at_once_stop_the_sync_before_it_does_anything(
    crowd: Server, far: Far, kind: str
) -> None:
    before = far.run("from posthouse.accounts.models import User\nresult = list(map(str, User.objects.values_list()))")
    remove(10)
    User.objects.filter(login="u29").update(name="Someone")
    row = sync(crowd, kind)

    assert row.state == State.FAILED
    assert row.last_error.startswith("10 of the 32 accounts on tokyo would vanish at once.")
    assert copy_of(crowd).status == Copy.Status.OUT_OF_SYNC
    assert copy_of(crowd).reason == row.last_error
    hold = Hold.objects.get()
    assert (hold.cause, hold.present, hold.vanishing) == (Hold.Cause.VANISHING, 32, 10)
    assert [a.login for a in hold.accounts.filter(fate="vanishes").order_by("login")] == [f"u{n:02}" for n in range(10)]
    assert (hold.changing, hold.accounts.get(fate="changes").login) == (1, "u29")
    after = far.run("from posthouse.accounts.models import User\nresult = list(map(str, User.objects.values_list()))")
    assert after == before
    assert automatic.start_due() == 0


def test_many_accounts_that_were_deleted_by_force_are_kept_too(crowd: Server, far: Far) -> None:
    delete(10)
    row = sync(crowd, Run.Kind.AUTOMATIC)
    assert row.last_error.startswith("10 of the 32 accounts on tokyo would vanish at once.")
    assert Hold.objects.get().vanishing == 10
    assert len(people(far)) == 33
    assert automatic.start_due() == 0


def test_fewer_than_the_minimum_or_the_share_pass(crowd: Server, far: Far) -> None:
    remove(6)
    assert sync(crowd, Run.Kind.AUTOMATIC).state == State.DONE
    remove(9)
    assert sync(crowd, Run.Kind.AUTOMATIC).state == State.DONE
    Guard.objects.create(share=90, minimum=1)
    remove(12)
    assert sync(crowd, Run.Kind.AUTOMATIC).state == State.DONE
    assert len(people(far)) == 6


def test_the_first_sync_may_replace_everybody(slave: Server, far: Far) -> None:
    far.run(
        "from posthouse.accounts.models import User\n"
        "User.objects.bulk_create(User(login=f'old{n}', name='Old', email='o@x.example', password='!')"
        " for n in range(40))"
    )
    make_user("alice", servers.this())
    row = sync(slave)
    assert (row.state, row.removed) == (State.DONE, 41)


def test_everybody_is_told_once(crowd: Server, far: Far) -> None:
    remove(10)
    sync(crowd, Run.Kind.AUTOMATIC)
    sync(crowd)
    sync(crowd)
    mail = OutgoingMail.objects.get()
    assert mail.to == "root@example.com"
    assert mail.subject == "tokyo is OUT OF SYNC: a sync waits for your decision"
    assert "10 of the 32 accounts" in mail.text
    assert reverse("sync:hold", args=[crowd.pk]) in mail.text
    assert sum(c.text.startswith("tokyo is OUT OF SYNC. 10 of the 32") for c in conditions.current()) == 1


def test_going_on_does_exactly_what_was_shown_and_says_that_it_is_well_again(
    web: Client, crowd: Server, far: Far
) -> None:
    remove(10)
    sync(crowd, Run.Kind.AUTOMATIC)
    page = web.get(reverse("sync:hold", args=[crowd.pk])).content.decode()
    assert "u00" in page
    assert "u10" not in page
    assert ">Decide<" in web.get(LIST).content.decode()

    assert "Type tokyo to go on." in decide(web, crowd, "go_on", name="paris")
    assert not Run.objects.filter(state=State.QUEUED).exists()
    assert "tokyo is synced." in decide(web, crowd, "go_on")
    assert work(crowd).state == State.DONE
    assert len(people(far)) == 23
    assert copy_of(crowd).status == Copy.Status.OK
    assert not Hold.objects.exists()
    assert [mail.subject for mail in OutgoingMail.objects.order_by("created_at")][1:] == ["tokyo is in sync again"]
    assert Event.objects.get(action="sync.approved").text.endswith("10 of 32 accounts vanish there.")


def test_if_anybody_else_would_vanish_it_is_asked_anew(web: Client, crowd: Server, far: Far) -> None:
    remove(10)
    sync(crowd)
    old = Hold.objects.get().question
    remove(1)
    decide(web, crowd, "go_on")
    assert work(crowd).state == State.FAILED
    assert Hold.objects.get().vanishing == 11
    assert len(people(far)) == 33

    assert "has changed since you looked" in decide(web, crowd, "go_on", question=old)
    assert "has changed since you looked" in decide(web, crowd, "leave", question=old)
    assert not Run.objects.filter(state=State.QUEUED).exists()
    decide(web, crowd, "go_on")
    assert work(crowd).state == State.DONE


def test_what_was_approved_and_broken_off_is_ended_without_asking_again(
    web: Client, crowd: Server, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove(15)
    sync(crowd)
    decide(web, crowd, "go_on")
    monkeypatch.setattr(feed, "BATCH_ROWS", 4)
    far.break_at = ("sync/batch", 3)
    assert work(crowd).state == State.FAILED
    far.down.clear()
    assert 18 < len(people(far)) < 33
    assert sync(crowd).state == State.DONE
    assert len(people(far)) == 18


def test_leaving_it_keeps_everything(web: Client, crowd: Server, far: Far) -> None:
    remove(10)
    sync(crowd)
    assert "tokyo stays as it is, OUT OF SYNC." in decide(web, crowd, "leave")
    assert not Hold.objects.exists()
    assert copy_of(crowd).reason.startswith("Root left it as it is.")
    assert automatic.start_due() == 0
    assert len(people(far)) == 33
    sync(crowd)
    assert Hold.objects.get().vanishing == 10


def test_once_the_accounts_are_back_nothing_is_asked_any_more(crowd: Server, far: Far) -> None:
    remove(10)
    sync(crowd)
    User.objects.exclude(removed_at=None).update(removed_at=None, is_active=True)
    assert sync(crowd).state == State.DONE
    assert not Hold.objects.exists()


def test_accounts_that_only_the_slave_has_are_guarded_too(crowd: Server, far: Far) -> None:
    far.run(
        "from posthouse.accounts.models import User\n"
        "User.objects.bulk_create(User(login=f'x{n}', name='X', email='x@x.example', password='!') for n in range(20))"
    )
    assert sync(crowd, Run.Kind.AUTOMATIC).last_error.startswith("20 of the 52 accounts on tokyo would vanish")


def test_the_list_is_exported_whole_and_harmless(web: Client, crowd: Server) -> None:
    User.objects.filter(login="u00").update(name="=cmd|'/c calc'!A1")
    sync(crowd)
    remove(10)
    sync(crowd)
    answer = web.get(reverse("sync:hold_export", args=[crowd.pk]))
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))  # type: ignore[attr-defined]
    assert rows[0] == ["fate", "login", "name", "email"]
    assert rows[1] == ["vanishes", "u00", "'=cmd|'/c calc'!A1", "u0@x.example"]
    assert len(rows) == 11


def test_the_page_is_for_administrators_of_the_master(crowd: Server, client: Client) -> None:
    for name in ("sync:hold", "sync:hold_export"):
        client.force_login(User.objects.get(login="alice"))
        assert client.get(reverse(name, args=[crowd.pk])).status_code == 403
    client.force_login(User.objects.get(login="root"))
    assert client.get(reverse("sync:hold", args=[crowd.pk]), follow=True).redirect_chain[-1][0] == LIST
    assert client.get(reverse("sync:hold_export", args=[crowd.pk])).status_code == 404


@pytest.fixture
def back_up(transactional_db: None) -> Iterator[Callable[[], Backup]]:
    """Makes backups."""
    made: list[Backup] = []

    def back_up() -> Backup:
        made.append(Backup())
        return made[-1]

    yield back_up
    for backup in made:
        backup.drop()


@pytest.mark.parametrize("edits", [0, 1, 60], ids=["untouched", "edited", "beyond the numbers of the slave"])
def test_a_master_that_was_restored_from_an_old_backup_is_noticed_and_nobody_is_lost(
    web: Client, crowd: Server, far: Far, back_up: Callable[[], Backup], edits: int
) -> None:
    backup = back_up()
    for n in range(3):
        make_user(f"new{n}", crowd)
    User.objects.filter(login="u05").update(name="Renamed")
    assert sync(crowd, Run.Kind.AUTOMATIC).state == State.DONE
    there = people(far)
    backup.restore()
    for n in range(edits):
        User.objects.filter(login="u06").update(name=f"Name {n}")

    row = sync(crowd, Run.Kind.AUTOMATIC)
    assert row.state == State.FAILED
    assert row.last_error.startswith("The database of paris seems to be older than the copy on tokyo")
    assert copy_of(crowd).status == Copy.Status.OUT_OF_SYNC
    assert automatic.start_due() == 0
    assert people(far) == there
    hold = Hold.objects.get()
    assert (hold.cause, hold.vanishing, hold.changing) == (Hold.Cause.HISTORY, 3, 1 + bool(edits))
    assert "Take the master as it is" in web.get(reverse("sync:hold", args=[crowd.pk])).content.decode()

    decide(web, crowd, "go_on")
    assert work(crowd).state == State.DONE
    assert set(there) - set(people(far)) == {"new0", "new1", "new2"}
    assert copy_of(crowd).status == Copy.Status.OK
    make_user("late", crowd)
    assert sync(crowd, Run.Kind.AUTOMATIC).state == State.DONE


def test_a_newer_backup_needs_no_decision(crowd: Server, far: Far, back_up: Callable[[], Backup]) -> None:
    old = back_up()
    make_user("new", crowd)
    sync(crowd)
    newer = back_up()
    make_user("newest", crowd)
    old.restore()
    assert sync(crowd).state == State.FAILED
    newer.restore()
    assert sync(crowd).state == State.DONE
    assert not Hold.objects.exists()


def test_a_slave_that_was_restored_from_a_backup_gets_the_rest(crowd: Server, far: Far) -> None:
    state = "from posthouse.sync.models import Received\nrow = Received.objects.get()\n"
    old = far.run(state + "result = [row.change, row.mark.hex]")
    make_user("new", crowd)
    sync(crowd)
    far.run(
        state
        + f"row.change, row.mark = {old[0]}, '{old[1]}'\nrow.save()\n"
        + "from posthouse.accounts.models import User\nUser.objects.filter(login='new').delete()"
    )
    assert sync(crowd, Run.Kind.AUTOMATIC).state == State.DONE
    assert "new" in people(far)


def test_a_copy_from_before_there_were_marks_is_taken_by_its_number(crowd: Server, far: Far) -> None:
    code = "from posthouse.sync.models import Received\nReceived.objects.update(mark=None{})"
    far.run(code.format(""))
    Copy.objects.update(told=None)
    assert sync(crowd).state == State.DONE
    far.run(code.format(", change=10**6"))
    Copy.objects.update(told=None)
    for _ in range(2):
        assert sync(crowd).last_error.startswith("The database of paris seems to be older")


def test_an_answer_with_a_mark_that_is_lost_makes_no_difference(crowd: Server, far: Far) -> None:
    for kind in (Run.Kind.AUTOMATIC, Run.Kind.MANUAL):
        make_user(f"new{kind}", crowd)
        far.break_at = ("sync/state", 1)
        assert sync(crowd, kind).state == State.FAILED
        far.down.clear()
        assert sync(crowd, kind).state == State.DONE


def test_old_marks_are_forgotten_but_never_one_that_a_slave_may_have(crowd: Server, far: Far) -> None:
    make_user("new", crowd)
    sync(crowd)
    make_user("newer", crowd)
    sync(crowd)
    Mark.objects.update(made_at=timezone.now() - timezone.timedelta(days=500))
    assert automatic.forget_old() == 2
    assert Mark.objects.get().token == copy_of(crowd).told
    assert sync(crowd).state == State.DONE
    assert HeldAccount.objects.count() == 0


def test_the_command_line_shows_and_decides_the_same(crowd: Server, far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(administering, "ready", lambda: "paris")
    monkeypatch.setattr(cluster_decide, "ready", lambda: "paris")
    run = CliRunner().invoke
    assert run(app, ["held", "tokyo"]).output == "No sync of tokyo waits for a decision.\n"
    remove(10)
    sync(crowd)
    shown = run(app, ["held", "tokyo"])
    assert shown.exit_code == 1
    assert "Of the 32 accounts there 10 would vanish and 0 would change; 0 would appear." in shown.output
    assert "Vanish: u00, u01" in shown.output
    assert run(app, ["held", "tokyo", "--csv"]).output.splitlines()[1] == "vanishes,u00,U 0,u0@x.example"
    question = json.loads(run(app, ["held", "tokyo", "--json"]).output)["question"]

    assert isinstance(run(app, ["decide", "tokyo"]).exception, Stop)
    assert isinstance(run(app, ["decide", "tokyo", "--go-on"]).exception, Stop)  # nobody is there to be asked
    assert "has changed" in str(run(app, ["decide", "tokyo", "--go-on", "--question", "x"]).exception)
    assert not Run.objects.filter(state=State.QUEUED).exists()
    assert run(app, ["decide", "tokyo", "--leave"]).output == "tokyo stays as it is, OUT OF SYNC.\n"
    sync(crowd)
    assert "tokyo is synced" in run(app, ["decide", "tokyo", "--go-on", "--question", question]).output
    assert work(crowd).state == State.DONE
    assert Event.objects.get(action="sync.approved").actor == "command line"
