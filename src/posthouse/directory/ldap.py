"""Speaking LDAP, by the library ldap3: the one module that knows it.

Certificates are checked by Python's own ssl, host name included. Referrals are never followed: they could lead the
password anywhere. Nothing that is sent is logged.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from django.views.decorators.debug import sensitive_variables

from posthouse.directory import errors
from posthouse.directory.errors import Away, DirectoryError, Incomplete, NotFound
from posthouse.directory.port import EVERYTHING, Found, Way

with warnings.catch_warnings():
    # ldap3 uses two names of pyasn1 that have new ones; the versions below 0.7 have both.
    warnings.filterwarnings("ignore", category=DeprecationWarning, message="(tagMap|typeMap) is deprecated")
    import ldap3
    from ldap3.core import exceptions
    from ldap3.operation.search import parse_filter

CONNECT_SECONDS = 5
ANSWER_SECONDS = 30
PAGE = 500
PAGE_OF_LISTS = 25
"""Entries of a page when lists of members are asked for, each of which may have thousands."""
LISTS = {"member", "uniqueMember", "memberUid"}
PAGES = "1.2.840.113556.1.4.319"
RANGE = re.compile(r"^(?P<name>[^;]+);range=(?P<first>\d+)-(?P<last>\d+|\*)$", re.IGNORECASE)

SUCCESS, NO_SUCH_ENTRY, WRONG_CREDENTIALS = 0, 32, 49
NEEDS_TLS = {8, 13}
"""strongerAuthRequired, confidentialityRequired"""
NOT_ALL = {3: "it ran out of time", 4: "it sends only so many entries", 11: "an administrative limit was reached"}
ACTIVE_DIRECTORY_SAYS = re.compile(r"\bdata ([0-9a-f]{3,4})\b")
NOT_ACTIVE = {"533", "701", "530", "531", "534"}
MUST_CHANGE = {"532", "773"}


@sensitive_variables("password")
def connect(way: Way, name: str, password: str, *, seconds: int = ANSWER_SECONDS) -> Line:
    """Log in on the first of a directory's servers that can be reached. The password must not be empty.

    Raises Away when there is none, WrongPassword, NotActive, MustChange or Forbidden when nobody is let in.
    """
    if not name or not password:
        # With an empty password a bind succeeds whoever asks: it is the anonymous one (RFC 4513, 5.1.2).
        raise errors.WrongPassword("A name and a password are needed to log in to the directory.")
    problems: list[Away] = []
    for host in way.hosts:
        try:
            line = open_line(way, host, seconds)
        except Away as problem:
            problems.append(problem)
            continue
        try:
            line.bind(name, password)
        except Away as problem:
            problems.append(problem)
        except DirectoryError:
            line.close()
            raise
        else:
            return line
    if len(problems) == 1:
        raise problems[0]
    raise Away(" ".join(problem.message for problem in problems), problems[0].cure if problems else "")


def open_line(way: Way, host: str, seconds: int = ANSWER_SECONDS) -> Line:
    """Return a line to one server, secured as it is set, on which nobody has logged in yet. Raises Away."""
    tls = _Tls(context(way), host)
    server = ldap3.Server(
        host,
        port=way.port,
        use_ssl=way.security == "tls",
        tls=tls,
        get_info=ldap3.NONE,
        connect_timeout=min(CONNECT_SECONDS, seconds),
    )
    connection = ldap3.Connection(
        server,
        auto_referrals=False,
        auto_range=False,  # the library would not notice when a range is left out
        raise_exceptions=False,
        receive_timeout=seconds,
        check_names=False,
        return_empty_attributes=False,
    )
    line = Line(host, connection)
    try:
        connection.open()
        if way.security == "starttls":
            connection.start_tls()
    except (exceptions.LDAPException, OSError, ssl.SSLError) as error:
        line.close()
        raise _why(tls.problem or error, host, way) from error
    return line


def context(way: Way) -> ssl.SSLContext:
    """Return whom to trust. Raises BadSetting."""
    try:
        return ssl.create_default_context(cadata=way.authorities or None)
    except (ssl.SSLError, ValueError) as error:
        raise errors.BadSetting(
            "The text of the certificate authorities is not in PEM form.",
            "Paste everything from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----.",
        ) from error


def check_filter(text: str) -> None:
    """Raise BadSetting when a text is no LDAP filter."""
    try:
        parse_filter(text, None, False, False, None, False)
    except (exceptions.LDAPException, IndexError, ValueError) as error:
        raise errors.BadSetting(
            f"{text} is not an LDAP filter.", "Write it in brackets, for example (objectClass=person)."
        ) from error


class Line:
    """A line to one server. It does what port.Directory says."""

    def __init__(self, host: str, connection: ldap3.Connection) -> None:
        self.host = host
        self._connection = connection

    @sensitive_variables("password")
    def bind(self, name: str, password: str) -> None:
        """Log in. Raises Away, WrongPassword, NotActive, MustChange or Forbidden."""
        with self._sentences():
            # As bytes: the library would put text into another form, and refuse some of it.
            self._connection.user, self._connection.password = name, password.encode()
            self._connection.authentication = ldap3.SIMPLE
            try:
                self._connection.bind()
            finally:
                self._connection.password = None
        self._raise_refusal()

    def get(self, dn: str, attributes: Sequence[str], filter: str = EVERYTHING) -> Found:  # noqa: A002 - LDAP's word
        """Return one entry. Raises NotFound."""
        response, result = self._ask(dn, filter, attributes, ldap3.BASE)
        self._judge(result, dn)
        for found in response:
            return self._whole(found)
        raise NotFound(f"The directory has no entry {dn or 'of its own'}.", "Check the name.")

    def search(self, base: str, filter: str, attributes: Sequence[str]) -> Iterator[Found]:  # noqa: A002
        """Yield all entries at and below a base. Raises Incomplete when they are not all."""
        cookie: bytes | None = None
        size = min(PAGE, PAGE_OF_LISTS) if LISTS & set(attributes) else PAGE
        while True:
            response, result = self._ask(base, filter, attributes, ldap3.SUBTREE, size, cookie)
            self._judge(result, base)
            for found in response:
                yield self._whole(found)
            cookie = result.get("controls", {}).get(PAGES, {}).get("value", {}).get("cookie")
            if not cookie:
                return

    def close(self) -> None:
        """Hang up."""
        opened = self._connection.socket
        with contextlib.suppress(exceptions.LDAPException, OSError):
            self._connection.unbind()
        if opened is not None:
            opened.close()  # the library leaves one open that could not be connected or secured

    def _ask(
        self, base: str, text: str, attributes: Sequence[str], scope: str, page: int | None = None, cookie: Any = None
    ) -> tuple[list[Found], dict[str, Any]]:
        with self._sentences():
            try:
                self._connection.search(
                    base, text, scope, attributes=list(attributes) or ["1.1"], paged_size=page, paged_cookie=cookie
                )
            except exceptions.LDAPInvalidFilterError as error:
                raise errors.BadSetting(f"{text} is not an LDAP filter.", "Correct the filter.") from error
        entries = [
            Found(entry["dn"], {name.lower(): values for name, values in entry["raw_attributes"].items()})
            for entry in self._connection.response or ()
            if entry["type"] == "searchResEntry"
        ]
        return entries, self._connection.result

    def _whole(self, found: Found) -> Found:
        """Return an entry with all values of attributes of which the server has sent only the first ones."""
        parts = [match for name in found.values if (match := RANGE.match(name))]
        if not parts:
            return found
        values = {name: list(some) for name, some in found.values.items() if not RANGE.match(name)}
        for part in parts:
            name = part["name"].lower()
            values[name] = [*found.values[part[0].lower()], *self._rest(found.dn, part)]
        return Found(found.dn, values)

    def _rest(self, dn: str, part: re.Match[str]) -> Iterator[bytes]:
        """Yield the values of an attribute that come after a part of them."""
        while part["last"] != "*":
            first = int(part["last"]) + 1
            response, result = self._ask(dn, EVERYTHING, [f"{part['name']};range={first}-*"], ldap3.BASE)
            self._judge(result, dn)
            names = {match["first"]: match for name in response[0].values if (match := RANGE.match(name))}
            following = names.get(str(first))
            if following is None:
                raise Incomplete(f"The directory did not send all values of {part['name']} of {dn}.", "Try again.")
            yield from response[0].values[following[0]]
            part = following

    def _judge(self, result: dict[str, Any], about: str) -> None:
        code = result["result"]
        if code == SUCCESS:
            return
        if code == NO_SUCH_ENTRY:
            raise NotFound(f"The directory has no entry {about}.", "Check the name, and what the account may read.")
        if code in NOT_ALL:
            raise Incomplete(
                f"{self.host} did not send everything below {about}: {NOT_ALL[code]}.",
                "Let the account of this server read more at once, by pages.",
            )
        raise self._refusal(result)

    def _raise_refusal(self) -> None:
        result = self._connection.result
        if result["result"] != SUCCESS:
            raise self._refusal(result)

    def _refusal(self, result: dict[str, Any]) -> DirectoryError:
        code, said = result["result"], str(result.get("message") or "")
        told = ACTIVE_DIRECTORY_SAYS.search(said)
        detail = told[1] if told else ""
        if code == WRONG_CREDENTIALS and detail in NOT_ACTIVE:
            return errors.NotActive("The directory says that the account may not log in.", "Switch it on there.")
        if code == WRONG_CREDENTIALS and detail in MUST_CHANGE:
            return errors.MustChange("The password has expired.", "Change it in the directory first.")
        if code == WRONG_CREDENTIALS or result["description"] in {"invalidDNSyntax", "noSuchObject"}:
            return errors.WrongPassword("Name or password are wrong.", "Check both; a name may need its domain.")
        if code in NEEDS_TLS:
            return errors.Forbidden(f"{self.host} takes no password over a plain line.", "Choose TLS or StartTLS.")
        if result["description"] in {"busy", "unavailable"}:
            return Away(f"{self.host} is {result['description']} now.", "Try again later.")
        words = f"{result['description']}. {said}".strip()[:300]
        return errors.Forbidden(f"{self.host} refuses: {words}", "Check what the account of this server may do.")

    @contextlib.contextmanager
    def _sentences(self) -> Iterator[None]:
        """Turn what the library raises into what this app knows."""
        try:
            yield
        except (exceptions.LDAPException, OSError, ssl.SSLError) as error:
            if isinstance(error, exceptions.LDAPInvalidFilterError):
                raise
            self.close()
            raise Away(f"{self.host} broke off in the middle of an answer.", "Try again; see the log there.") from error


class _Tls(ldap3.Tls):  # type: ignore[misc]  # the library has no types
    """TLS by Python's own context, which knows how to check a certificate; remembers what went wrong."""

    def __init__(self, trusted: ssl.SSLContext, host: str) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self.trusted, self.host = trusted, host
        self.problem: OSError | None = None

    def wrap_socket(self, connection: ldap3.Connection, do_handshake: bool = False) -> None:
        """Secure a connection."""
        try:
            connection.socket = self.trusted.wrap_socket(
                connection.socket, server_hostname=self.host, do_handshake_on_connect=do_handshake
            )
        except OSError as error:  # which errors of TLS are, too
            self.problem = error
            raise


def _why(error: BaseException, host: str, way: Way) -> Away:
    """Return why a line could not be opened, in words."""
    where = f"{host}, port {way.port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return errors.WrongCertificate(
            f"The certificate of {where}, proves nothing: {error.verify_message.rstrip('.')}.",
            "Paste the certificate of the authority that stands for it; write the host as the certificate names it.",
        )
    if isinstance(error, ssl.SSLError):
        other = "StartTLS" if way.security == "tls" else "TLS"
        return Away(f"{where}, does not speak TLS as expected.", f"Check the port, or choose {other}.")
    if isinstance(error, exceptions.LDAPStartTLSError):
        return Away(f"{where}, does not do StartTLS.", "Choose TLS and its port, usually 636.")
    try:
        socket.getaddrinfo(host, way.port, type=socket.SOCK_STREAM)
    except OSError:
        return errors.NameUnknown(f"The name {host} is not known.", "Check the host name, or write an IP address.")
    return Away(f"Nothing answers at {where}.", "Check host and port, and the firewall in between.")
