"""Members of a workgroup are changed on a slave, too: at the master first, by a signed call (M7)."""

from __future__ import annotations

from typing import Any

import pytest

from posthouse.accounts.models import Membership, User, Workgroup
from posthouse.audit.models import Event
from posthouse.cluster import servers
from posthouse.cluster.models import Server
from tests.cluster.far import ANSWERS_LOST, AWAY, Far
from tests.conftest import make_user
from tests.sync.test_runs import sync

# Runs at tokyo: somebody who is logged in there sends the form of a workgroup's page.
SEND = """
from django.test import Client
from django.urls import reverse
from posthouse.accounts.models import Membership, User, Workgroup
from posthouse.cluster import calls
from posthouse.cluster.errors import Broken
group = Workgroup.objects.get(name='Editors')
client = Client()
client.force_login(User.objects.get(login={login!r}))
network = calls.transport()
{trouble}
answer = client.post(reverse('accounts:workgroup', args=[group.pk]), {form!r}, secure=True, follow=True)
result = {{
    'page': answer.content.decode(),
    'status': answer.status_code,
    'members': sorted(group.memberships.values_list('user__login', flat=True)),
}}
network.down.clear()
network.__dict__.pop('send', None)
"""


@pytest.fixture
def home(slave: Server) -> Server:
    """Tokyo, synced, where Bob leads the editors, Ben is one of them, and Carl is not."""
    group = Workgroup.objects.create(name="Editors")
    Membership.objects.create(user=make_user("bob", slave), workgroup=group, is_administrator=True)
    Membership.objects.create(user=make_user("ben", slave), workgroup=group)
    make_user("carl", servers.this())
    make_user("chief", servers.this(), User.Role.ADMINISTRATOR)
    sync(slave)
    return slave


def send(far: Far, login: str = "bob", trouble: str = "", **form: str) -> dict[str, Any]:
    result: dict[str, Any] = far.run(SEND.format(login=login, form=form, trouble=trouble))
    return result


def here() -> list[str]:
    return sorted(Membership.objects.values_list("user__login", flat=True))


def test_who_is_added_or_removed_is_so_on_both_servers_at_once_and_the_sync_agrees(home: Server, far: Far) -> None:
    there = send(far, names="carl@example.com, nobody")
    assert (there["members"], here()) == (["ben", "bob", "carl"], ["ben", "bob", "carl"])
    there = send(far, remove=str(User.objects.get(login="ben").pk))
    assert (there["members"], here()) == (["bob", "carl"], ["bob", "carl"])
    events = Event.objects.filter(action="workgroup.members").order_by("at")
    assert [(event.actor, event.text) for event in events] == [
        ("Bob", "1 added to the workgroup Editors, 0 removed, at tokyo."),
        ("Bob", "0 added to the workgroup Editors, 1 removed, at tokyo."),
    ]
    run = sync(home)
    assert (run.state, run.last_error) == ("done", "")


def test_an_administrator_of_the_server_does_it_on_every_server(home: Server, far: Far) -> None:
    assert send(far, login="chief", names="carl")["members"] == ["ben", "bob", "carl"]
    assert here() == ["ben", "bob", "carl"]


@pytest.mark.parametrize(
    ("trouble", "sentence", "at_master"),
    [
        (AWAY, "cannot be reached now. Try again", ["ben", "bob"]),
        (ANSWERS_LOST, "does not know whether", ["ben", "bob", "carl"]),
    ],
)
def test_without_an_answer_of_the_master_nothing_changes_here_and_it_can_be_said_again(
    home: Server, far: Far, trouble: str, sentence: str, at_master: list[str]
) -> None:
    there = send(far, trouble=trouble, names="carl")
    assert sentence in there["page"]
    assert (there["members"], here()) == (["ben", "bob"], at_master)
    assert send(far, names="carl")["members"] == here() == ["ben", "bob", "carl"]


def test_the_master_decides_by_what_it_knows(home: Server, far: Far) -> None:
    Membership.objects.filter(user__login="bob").update(is_administrator=False)
    assert "no administrator of Editors" in send(far, names="carl")["page"]
    Membership.objects.filter(user__login="bob").update(is_administrator=True)
    User.objects.filter(login="bob").update(home=servers.this())
    assert "is not this user&#x27;s home server" in send(far, names="carl")["page"]
    Workgroup.objects.update(removed_at=User.objects.first().created_at)
    User.objects.filter(login="bob").update(home=home)
    assert "no such workgroup" in send(far, names="carl")["page"]
    assert here() == ["ben", "bob"]


def test_who_does_not_lead_it_is_refused_before_the_master_is_asked(home: Server, far: Far) -> None:
    assert send(far, login="ben", trouble=AWAY, names="carl")["status"] == 403
