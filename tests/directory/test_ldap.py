"""The line to a directory: whom it trusts, what it takes for a whole answer, and what it says of failures."""

from __future__ import annotations

import pytest

from posthouse.accounts.models import User
from posthouse.directory import errors, ldap
from posthouse.directory.models import Connection
from posthouse.directory.opening import service_line
from posthouse.directory.port import Way
from tests.directory.certificates import Authority
from tests.directory.conftest import imported
from tests.directory.fakes import Cutting, Ranges, closing
from tests.directory.slapd import ADMIN, ADMIN_PASSWORD, BASE, HOST, Slapd


def way(ldap_server: Slapd, authority: Authority, **changes: object) -> Way:
    fields: dict[str, object] = {
        "hosts": (HOST,),
        "port": ldap_server.tls_port,
        "security": "tls",
        "authorities": authority.pem,
    }
    return Way(**fields | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("security", ["tls", "starttls", "none"])
def test_each_kind_of_line_works(ldap: Slapd, authority: Authority, security: str) -> None:
    port = ldap.tls_port if security == "tls" else ldap.port
    line = connect(way(ldap, authority, security=security, port=port))
    assert line.get(BASE, ["o"]).text("o") == "Example"
    line.close()


def connect(to: Way, name: str = ADMIN, password: str = ADMIN_PASSWORD) -> ldap.Line:
    return ldap.connect(to, name, password, seconds=3)


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"authorities": Authority.new("Another CA").pem}, "proves nothing"),
        ({"authorities": ""}, "proves nothing"),
        ({"hosts": ("localhost",)}, "proves nothing"),
        ({"hosts": ("no-such-host.invalid",)}, "is not known"),
        ({"port": 9}, "Nothing answers"),
    ],
)
def test_nobody_else_is_spoken_to(
    ldap: Slapd, authority: Authority, security: str, changes: dict[str, object], sentence: str
) -> None:
    port = ldap.tls_port if security == "tls" else ldap.port
    with pytest.raises(errors.Away, match=sentence) as caught:
        connect(way(ldap, authority, **{"security": security, "port": port} | changes))
    assert caught.value.cure


def test_what_is_no_tls_is_said(ldap: Slapd, authority: Authority) -> None:
    with pytest.raises(errors.Away, match="does not speak TLS"):
        connect(way(ldap, authority, port=ldap.port))


def test_hosts_are_tried_in_turn(ldap: Slapd, authority: Authority) -> None:
    line = connect(way(ldap, authority, hosts=("no-such-host.invalid", "127.0.0.9", HOST)))
    assert line.host == HOST
    line.close()
    with pytest.raises(errors.Away, match=r"no-such-host.*127\.0\.0\.9"):
        connect(way(ldap, authority, hosts=("no-such-host.invalid", "127.0.0.9")))


@pytest.mark.parametrize(("name", "password"), [(ADMIN, ""), ("", ""), ("", "x")])
def test_no_password_is_refused_before_anybody_is_asked(name: str, password: str) -> None:
    with pytest.raises(errors.WrongPassword):
        connect(Way((), 0, "tls", ""), name, password)


@pytest.mark.parametrize("name", [ADMIN, f"cn=nobody,{BASE}", "no distinguished name"])
def test_a_wrong_password_is_told_from_a_directory_that_is_away(ldap: Slapd, authority: Authority, name: str) -> None:
    with pytest.raises(errors.WrongPassword):
        connect(way(ldap, authority), name, "guess")


def test_what_is_no_certificate_is_said(ldap: Slapd, authority: Authority) -> None:
    with pytest.raises(errors.BadSetting, match="PEM"):
        connect(way(ldap, authority, authorities="hello"))


@pytest.mark.parametrize("text", ["", "(", "uid=x", "(uid=*", "(&(uid=x)", "(uid)"])
def test_what_is_no_filter_is_said(text: str) -> None:
    with pytest.raises(errors.BadSetting):
        ldap.check_filter(text)


def test_long_lists_of_members_are_read_to_their_end() -> None:
    members = [f"cn=m{number},dc=test" for number in range(5_000)]
    with closing(Ranges(members)) as server:
        line = connect(Way(("127.0.0.1",), server.port, "none", ""))
        found = line.get("cn=big,dc=test", ["cn", "member"])
        line.close()
    assert found.texts("member") == members
    assert found.text("cn") == "big"
    assert [name for name in server.asked if "range" in name] == [
        "member;range=1500-*",
        "member;range=3000-*",
        "member;range=4500-*",
    ]


def test_a_range_that_is_missing_is_an_error() -> None:
    with closing(Ranges([f"m{number}" for number in range(5_000)], lose=True)) as server:
        line = connect(Way(("127.0.0.1",), server.port, "none", ""))
        with pytest.raises(errors.Incomplete):
            line.get("cn=big,dc=test", ["member"])
        line.close()


@pytest.mark.parametrize("silent", [False, True], ids=["cut", "silent"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8, 0.95])
def test_a_directory_that_answers_half_and_then_nothing_takes_nobody_away(
    connection: Connection, ldap: Slapd, monkeypatch: pytest.MonkeyPatch, share: float, silent: bool
) -> None:
    monkeypatch.setattr("posthouse.directory.ldap.PAGE", 2)
    monkeypatch.setitem(service_line.__wrapped__.__kwdefaults__, "seconds", 1)  # type: ignore[attr-defined]
    with closing(Cutting(HOST, ldap.tls_port, after=10**9)) as proxy:
        through(connection, proxy.port)
        assert imported(connection).added == 4
        whole = proxy.passed
    before = list(User.objects.order_by("pk").values())
    with closing(Cutting(HOST, ldap.tls_port, after=int(whole * share), silent=silent)) as proxy:
        through(connection, proxy.port)
        run = imported(connection)
    assert run.state == "failed"
    assert "broke off" in run.last_error or "Nothing answers" in run.last_error or "TLS" in run.last_error
    assert list(User.objects.order_by("pk").values()) == before
    through(connection, ldap.tls_port)
    assert imported(connection).unchanged == 4


def through(connection: Connection, port: int) -> None:
    """Have a directory reached at another port."""
    Connection.objects.update(port=port)
    connection.refresh_from_db()
