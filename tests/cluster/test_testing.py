"""Test names what is wrong and the cure, for each step that can fail (R22)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from posthouse.cluster import testing
from posthouse.cluster.certificate import Certificate
from posthouse.cluster.models import Server
from posthouse.cluster.transport import Place, Reply
from tests.cluster.far import Far
from tests.sync.conftest import slave

__all__ = ["slave"]  # a fixture

STEPS = ["Name", "Port", "TLS", "URL namespace", "Identity", "Version", "Role", "Signature there", "Signature back"]
STEPS += ["Clock", "Licence", "Free disk", "Relay endpoint"]
ROLE = "from posthouse.cluster.models import Server\nServer.objects.filter(is_self=True).update(role='{}')"
PARIS = "from django.utils import timezone\nfrom posthouse.cluster.models import Server\n"
PARIS += "Server.objects.filter(name='paris').update({})"
OTHER_KEY = "A" * 43 + "="

Break = Callable[[Server, Far], None]


@pytest.fixture(autouse=True)
def mended(far: Far) -> Iterator[None]:
    """What a test has broken in the process of the far server, which others use after it."""
    yield
    far.run(
        "import posthouse\nposthouse.__version__ = '0.1.0'\n"
        "from tests.sync import clocks\nclocks.set_here(None)\n"
        "from posthouse.cluster import calls\ncalls.transport().down.clear()\n"
        "from importlib import reload\nfrom posthouse.store import blobs\n"
        "blobs.free = getattr(blobs, 'real_free', blobs.free)\n"
    )


def clock(seconds: float) -> Break:
    def set_wrong(slave: Server, far: Far) -> None:
        moment = (timezone.now() + timedelta(seconds=seconds)).timestamp()
        far.run(f"from tests.sync import clocks\nclocks.set_here({moment})")

    return set_wrong


def run(code: str) -> Break:
    return lambda slave, far: far.run(code)


def known_here(**facts: object) -> Break:
    def change(slave: Server, far: Far) -> None:
        for name, value in facts.items():
            setattr(slave, name, value)

    return change


def between(slave: Server, far: Far) -> None:
    far.places["tokyo.example"] = Certificate("e" * 64, "self-signed certificate")


def down(slave: Server, far: Far) -> None:
    far.down.add("tokyo.example")


BROKEN: list[tuple[str, Break, str, str]] = [
    ("Name", known_here(host="no.example"), "no.example is not known", "The name no.example is not known"),
    ("Port", down, "No connection to tokyo.example, port 443", "Nothing answers at tokyo.example, port 443"),
    ("Identity", between, "It is not proven", "Something stands between the two servers"),
    ("Identity", known_here(keys=[OTHER_KEY]), "It is not proven", "remove it and pair the two servers again"),
    (
        "Version",
        run("import posthouse\nposthouse.__version__ = '9.9'"),
        "tokyo runs 9.9, this server runs 0.1.0",
        "Bring both to the same version",
    ),
    ("Role", run(ROLE.format("stand-alone")), "Its role is Stand-alone", "choose Server > Multi-Server > Convert to"),
    ("Role", run(ROLE.format("master")), "Its role is Master", "Remove it here, or dissolve the cluster of tokyo"),
    (
        "Role",
        run(
            PARIS.format("role='slave'") + "\nServer.objects.create(name='oslo', host='oslo.example', role='master',"
            " keys=['x'])"
        ),
        "It is a slave of another master",
        "choose Reset Configuration, and convert it to a slave of paris",
    ),
    (
        "Signature there",
        run(PARIS.format("removed_at=timezone.now()")),
        "tokyo does not accept our signature",
        "if this server was removed, choose Reset Configuration here",
    ),
    (
        "Signature there",
        run(PARIS.format(f"keys=['{OTHER_KEY}']")),
        "tokyo does not accept our signature",
        "remove it and pair the two servers again",
    ),
    (
        "Signature back",
        run("from posthouse.cluster import calls\ncalls.transport().down.add('paris.example')"),
        "tokyo could not call this server",
        "tokyo says: Nothing answers at paris.example",
    ),
    ("Clock", clock(90), "seconds ahead of ours", "Set the clocks of both by NTP"),
    ("Clock", clock(-90), "seconds behind ours", "Set the clocks of both by NTP"),
    ("Clock", clock(3600), "The clocks differ too much", "Set the clocks of both by NTP"),
    ("Clock", clock(-3600), "The clocks differ too much", "Set the clocks of both by NTP"),
    (
        "Free disk",
        run("from posthouse.store import blobs\nblobs.real_free = blobs.free\nblobs.free = lambda: 5_000_000"),
        "Only 5.00 MB are free",
        "Make room for packages there",
    ),
    ("Alternate address", known_here(alternate_address="no.example"), "does not answer at no.example", "is not known"),
]


def test_everything_works(slave: Server, far: Far) -> None:
    slave.alternate_address = "tokyo.example:443"
    lines = list(testing.test(slave))
    assert [line.name for line in lines] == [*STEPS, "Alternate address"]
    assert all(line.ok and line.result and not line.cure for line in lines)


@pytest.mark.parametrize(("step", "break_", "result", "cure"), BROKEN, ids=[f"{row[0]}: {row[2]}" for row in BROKEN])
def test_what_is_wrong_is_named_with_its_cure(
    slave: Server, far: Far, step: str, break_: Break, result: str, cure: str
) -> None:
    break_(slave, far)
    lines = {line.name: line for line in testing.test(slave)}
    assert not lines[step].ok
    assert result in lines[step].result
    assert cure in lines[step].cure
    assert all(line.cure for line in lines.values() if not line.ok), "no failure without a cure"


@pytest.mark.parametrize(
    ("reply", "cure"),
    [
        (Reply(413, {}, b"<h1>413 Request Entity Too Large</h1>"), "let it pass bodies of any size"),
        (Reply(404, {}, b"<h1>Not found</h1>"), "Check address, port and URL namespace"),
        (Reply(200, {}, b'{"bytes": 7}'), "Bring both to the same version"),
        (Reply(502, {}, b""), "tokyo answers with an error of its own (502)"),
    ],
)
def test_what_stands_before_a_server_and_spoils_packages_is_found(
    slave: Server, far: Far, monkeypatch: pytest.MonkeyPatch, reply: Reply, cure: str
) -> None:
    real = far.send

    def send(place: Place, method: str, target: str, *more: Any) -> Reply:
        return reply if "/relay/" in target else real(place, method, target, *more)

    monkeypatch.setattr(far, "send", send)
    line = next(line for line in testing.test(slave) if line.name == "Relay endpoint")
    assert not line.ok
    assert cure in line.cure
