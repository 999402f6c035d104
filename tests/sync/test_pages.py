"""The pages on which servers are paired, tested, synced and removed (R11-R31, R65-R67)."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from posthouse.accounts.models import User
from posthouse.audit.models import Event
from posthouse.cluster import identity, pairing, servers, testing
from posthouse.cluster.models import Server
from posthouse.jobs.models import State
from posthouse.notices.letters import link
from posthouse.sync.models import Copy, Run
from tests.cluster.far import Far
from tests.conftest import make_user

LIST = reverse("sync:servers")
FORM = {"name": "tokyo", "host": "tokyo.example", "namespace": "/aspera/faspex", "port": "443"}
FORM |= {"alternate": "", "links": "main"}
CONVERT = "from posthouse.cluster import pairing\npairing.convert('paris.example')"
MASTER = "from posthouse.cluster.models import Server\nServer.objects.filter(is_self=True).update(role='{}')"


@pytest.fixture
def web(transactional_db: None, client: Client) -> Client:
    """The browser of an administrator."""
    client.force_login(make_user("root", servers.ensure_this(), User.Role.ADMINISTRATOR))
    return client


def spoken(key: str) -> str:
    """Return a fingerprint as pages show it: no group is broken."""
    return " ".join(f"<span>{group}</span>" for group in identity.fingerprint(key).split())


def text(web: Client, url: str) -> str:
    return " ".join(web.get(url).content.decode().split())


@pytest.mark.parametrize("name", ["sync:servers", "sync:history", "cluster:convert", "cluster:add", "cluster:reset"])
def test_the_pages_are_for_administrators(transactional_db: None, client: Client, name: str) -> None:
    assert client.get(reverse(name)).status_code == 302
    client.force_login(make_user("dora", servers.ensure_this()))
    assert client.get(reverse(name)).status_code == 403


def test_a_server_alone_shows_itself_and_what_it_can_become(web: Client) -> None:
    page = text(web, LIST)
    for words in ("Server List", "Stand-alone", "Convert to Slave", "Add New Server"):
        assert words in page
    assert spoken(identity.public_key()) in page
    assert "View History" not in page


def test_a_slave_is_added_in_two_steps(web: Client, far: Far) -> None:
    far.run(CONVERT)
    compare = web.post(reverse("cluster:add"), FORM)
    key = far.run("from posthouse.cluster import identity\nresult = identity.public_key()")
    assert spoken(key) in compare.content.decode()
    assert not Server.objects.filter(name="tokyo").exists()

    done = web.post(reverse("cluster:add"), FORM | {"key": key}, follow=True)
    assert "tokyo was added" in done.content.decode()
    page = text(web, LIST)
    for words in ("OUT OF SYNC", "It was never synced.", "Slave", "Master", "View History"):
        assert words in page


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("host", "https://tokyo.example/", "without https://"),
        ("host", "tokyo.example:8443", "Type the port in its own field"),
        ("host", "300.1.1.1", "is not an IP address"),
        ("host", "tokyo_ example", "Type a host name"),
        ("port", "70000", "A port is a number from 1 to 65535"),
        ("port", "https", "A port is a number from 1 to 65535"),
        ("port", "0", "A port is a number from 1 to 65535"),
        ("namespace", "/a b", "A URL namespace has letters"),
        ("namespace", "/../x", "A URL namespace has letters"),
        ("alternate", "https://x", "without https://"),
        ("links", "alternate", "Links in e-mails are to lead to this address: type it."),
        ("name", "PARIS", "Give the slave another name"),
        ("name", "", "This field is required"),
        ("host", "nowhere.example", "The name nowhere.example is not known"),
    ],
)
def test_a_bad_field_is_told_beside_it(web: Client, far: Far, field: str, value: str, sentence: str) -> None:
    far.run(CONVERT)
    answer = web.post(reverse("cluster:add"), FORM | {field: value})
    assert answer.status_code == 200
    assert sentence in answer.content.decode().replace("&#x27;", "'")
    assert servers.this().role == Server.Role.STANDALONE


def test_converting_compares_lists_and_wants_the_name_typed(web: Client, far: Far) -> None:
    far.run(MASTER.format("master"))
    make_user("dora", servers.this())
    first = " ".join(web.post(reverse("cluster:convert"), {"address": "tokyo.example"}).content.decode().split())
    key = far.run("from posthouse.cluster import identity\nresult = identity.public_key()")
    for words in (
        "Convert Server to Slave",
        spoken(key),
        "1 account of today will go: dora",
        "dora",
        "root",
    ):
        assert words in first

    form = {"address": "tokyo.example", "key": key}
    wrong = web.post(reverse("cluster:convert"), form | {"typed": "tokyo"}).content.decode()
    assert "This server is called paris. Type exactly that." in wrong
    assert servers.this().role == Server.Role.STANDALONE

    done = web.post(reverse("cluster:convert"), form | {"typed": "paris"}, follow=True).content.decode()
    assert "This server is a slave of tokyo now" in done, "and the administrator is still logged in"
    for words in ("Slave", "Reset Configuration", "Waiting for its first sync", "Go to tokyo"):
        assert words in done
    assert User.objects.get(login="root").local
    refused = web.get(reverse("cluster:add"))
    assert refused.status_code == 403
    assert "https://tokyo.example/aspera/faspex/server/multi-server/" in refused.content.decode()

    back = web.post(reverse("cluster:reset"), follow=True).content.decode()
    assert "This server stands alone again" in back
    assert User.objects.filter(login__in=["root", "dora"], local=False, removed_at=None).count() == 2


def test_a_key_that_was_tampered_with_leads_back_to_the_start(web: Client, far: Far) -> None:
    answer = web.post(reverse("cluster:convert"), {"address": "tokyo.example", "key": "A", "typed": "paris"})
    assert answer.status_code == 302
    assert servers.this().role == Server.Role.STANDALONE


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("", "This field is required"),
        ("http://tokyo.example", "https:// only"),
        ("tokyo.example:x", "is not a port"),
        ("nowhere.example", "The name nowhere.example is not known"),
    ],
)
def test_a_bad_address_of_the_master_is_told(web: Client, far: Far, address: str, sentence: str) -> None:
    assert sentence in web.post(reverse("cluster:convert"), {"address": address}).content.decode()


def test_a_sync_is_started_and_followed(web: Client, slave: Server) -> None:
    web.post(reverse("sync:sync", args=[slave.id]))
    assert "Waiting to sync" in text(web, LIST)
    Run.objects.update(state=State.ACTIVE, total=200, sent=50)
    live = text(web, reverse("sync:status", args=[slave.id]))
    for words in ("Syncing", 'value="25"', "50 of 200", "Posthouse-Poll", "every 1s"):
        assert words in live
    Run.objects.update(state=State.DONE)
    Copy.objects.update(status=Copy.Status.OK, reason="")
    Server.objects.filter(pk=slave.pk).update(seats_used=3, seats_limit=10)
    ended = text(web, reverse("sync:status", args=[slave.id]))
    assert "OK" in ended
    assert "every 1s" not in ended
    assert f'<div id="seats-{slave.id}" hx-swap-oob="true"> 3 of 10' in ended, "what it told of itself"
    assert '<div id="attention" hx-swap-oob="true">' in ended
    assert "OUT OF SYNC" not in ended, "so the bar above the page is right again, too"


def test_the_history_tells_what_each_sync_did(web: Client, slave: Server) -> None:
    assert "No syncs yet" in text(web, reverse("sync:history"))
    Run.objects.create(server=slave, kind="manual", state=State.FAILED, last_error="Nothing answers.", added=12)
    Run.objects.create(server=slave, kind="automatic", state=State.DONE, repaired=True, buckets=2, mended=3)
    page = text(web, reverse("sync:history"))
    for words in ("Manual", "Automatic", "Nothing answers.", ">12<", "in 2 of its parts: 3 rows were set right"):
        assert words in page
    assert "History of tokyo" in text(web, f"{reverse('sync:history')}?server={slave.id}")
    assert web.get(reverse("sync:history"), {"server": "x"}).status_code == 302


def test_the_test_page_shows_each_step_with_its_cure(web: Client, slave: Server, far: Far) -> None:
    url = reverse("cluster:test", args=[slave.id])
    assert "Testing" in text(web, url)
    page = text(web, url + "?lines=1")
    for words in ("Everything that paris and tokyo need", "Signature there", "Signature back", "Clock", "Free disk"):
        assert words in page
    assert "1.50 MB arrived whole" in page, "the way that packages take was tried too"
    far.run("from django.conf import settings\nsettings.POSTHOUSE.store.rmdir()")
    try:
        assert "Its store does not work." in text(web, url + "?lines=1")
    finally:
        far.run("from django.conf import settings\nsettings.POSTHOUSE.store.mkdir()")
    far.down.add("tokyo.example")
    page = text(web, url + "?lines=1")
    assert "1 step failed" in page
    assert "Nothing answers at tokyo.example" in page


def test_a_test_shows_what_it_knows_while_it_goes_on(web: Client, slave: Server, far: Far) -> None:
    url = reverse("cluster:test", args=[slave.id])
    first = text(web, f"{url}?stage=0&failed=0")
    assert "A server answers at tokyo.example" in first
    assert f"{url}?stage=1&amp;failed=0" in first, "it goes on by itself"
    last = text(web, f"{url}?stage={len(testing.stages(slave)) - 1}&failed=2")
    assert "2 steps failed" in last, "the last stage shows the result of all"

    far.down.add("tokyo.example")
    ended = text(web, f"{url}?stage=0&failed=0")
    assert "stage=1" not in ended
    assert "1 step failed" in ended
    for nonsense in ("stage=99&failed=0", "stage=-1&failed=0", "stage=0&failed=x", "stage=0"):
        assert web.get(f"{url}?{nonsense}").status_code == 404


def test_removing_asks_first_and_says_what_becomes_of_residents(web: Client, slave: Server) -> None:
    make_user("bob", slave)
    url = reverse("cluster:remove", args=[slave.id])
    assert "1 user lives there" in text(web, url)
    assert Server.objects.get(id=slave.id).removed_at is None
    assert "tokyo was removed" in web.post(url, follow=True).content.decode()
    assert Server.objects.get(id=slave.id).removed_at is not None
    assert web.get(url).status_code == 404


def test_a_slave_is_renamed(web: Client, slave: Server) -> None:
    url = reverse("cluster:edit", args=[slave.id])
    assert 'value="tokyo.example"' in text(web, url)
    web.post(url, FORM | {"name": "Edo"})
    assert Server.objects.get(id=slave.id).name == "Edo"
    answer = web.post(url, FORM | {"name": "paris"}).content.decode()
    assert "There is a server called paris" in answer


def test_people_are_sent_to_the_alternate_address_if_that_is_chosen(web: Client, slave: Server) -> None:
    this = servers.this()
    url = reverse("cluster:edit", args=[this.pk])
    assert "stand in its settings file" in text(web, url)
    assert link("sync:servers") == f"https://paris.example{LIST}"
    web.post(url, {"alternate": "send.paris.example:8443", "links": "main"})
    assert link("sync:servers") == f"https://paris.example{LIST}"
    web.post(url, {"alternate": "send.paris.example:8443", "links": "alternate"})
    assert link("sync:servers") == f"https://send.paris.example:8443{LIST}"
    said = Event.objects.filter(action="server.changed", subject_id=this.pk).latest("at").text
    assert said == "paris was changed: Address in e-mail links."

    there = reverse("cluster:edit", args=[slave.pk])
    web.post(there, FORM | {"alternate": "send.tokyo.example", "links": "alternate"})
    slave.refresh_from_db()
    assert (slave.alternate_address, slave.link_address) == ("send.tokyo.example", "alternate")


@pytest.mark.parametrize(
    "name", ["cluster:add", "cluster:edit", "cluster:remove", "sync:configure", "sync:history", "sync:hold"]
)
def test_a_slave_says_where_it_is_done_and_leads_to_the_same_page_there(web: Client, tokyo: Server, name: str) -> None:
    """M3."""
    Server.objects.filter(is_self=True).update(role=Server.Role.SLAVE)
    Server.objects.filter(pk=tokyo.pk).update(role=Server.Role.MASTER)
    args = [tokyo.pk] if name in {"cluster:edit", "cluster:remove", "sync:hold"} else []
    for answer in (web.get(reverse(name, args=args)), web.post(reverse(name, args=args))):
        assert answer.status_code == 403
        assert f'<a href="https://tokyo.example{reverse(name, args=args)}">Go to tokyo</a>' in answer.content.decode()


def test_only_a_slave_shows_reset_and_a_master_is_not_converted(web: Client, slave: Server) -> None:
    assert "this server is none" in text(web, reverse("cluster:reset"))
    assert "Remove its slaves first" in text(web, reverse("cluster:convert"))
    with pytest.raises(pairing.PairingRefused):
        pairing.reset()
