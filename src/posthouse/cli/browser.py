"""A small browser: connections kept open, cookies, forms, and a server's self-made certificate pinned."""

from __future__ import annotations

import hashlib
import json
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode, urljoin, urlsplit

from urllib3 import HTTPSConnectionPool, Retry, Timeout
from urllib3.response import BaseHTTPResponse

from posthouse.cli.pages import Page

PIECE = 1024 * 1024
MOST_REDIRECTS = 5
Body = bytes | Iterable[bytes] | None


class ClientError(Exception):
    """The server refused what it was asked for; the message says what, and how it answered."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")

    @property
    def page(self) -> Page:
        """The body as a page."""
        return Page(self.text)

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Browser:
    """One person's session with one server.

    `certificate` is the PEM file of the server's own certificate, and no other is accepted; without it, certificate
    authorities decide. Connections are kept and may be used from several threads.
    """

    def __init__(self, address: str, certificate: Path | None = None, timeout: float = 60.0) -> None:
        parts = urlsplit(address)
        self.address = address
        self.cookies: dict[str, str] = {}
        if parts.scheme != "https" or parts.hostname is None:
            raise ValueError(f"{address} is no https address")
        trust: dict[str, Any] = {}
        if certificate is not None:
            der = ssl.PEM_cert_to_DER_cert(_first(certificate.read_text()))
            trust = {"cert_reqs": ssl.CERT_NONE, "assert_fingerprint": hashlib.sha256(der).hexdigest()}
        self.pool = HTTPSConnectionPool(
            parts.hostname,
            parts.port or 443,
            timeout=Timeout(connect=10.0, read=timeout),
            retries=Retry(0, redirect=False),
            maxsize=16,
            blocksize=PIECE,
            **trust,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.pool.close()

    def stream(
        self, method: str, path: str, *, body: Body = None, headers: Mapping[str, str] | None = None
    ) -> BaseHTTPResponse:
        """Send one request and return the response with its body unread. `path` is relative to the address."""
        url = urljoin(self.address, path)
        target = urlsplit(url)
        mine = urlsplit(self.address)
        if (target.scheme, target.netloc) != (mine.scheme, mine.netloc):
            raise ClientError(f"{url} is not at {self.address}")
        all_headers = dict(headers or {})
        if self.cookies:
            all_headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if method not in {"GET", "HEAD"}:
            all_headers.setdefault("Referer", self.address)  # Django wants it of forms that come over HTTPS
            all_headers.setdefault("X-CSRFToken", self._csrf())
        response = self.pool.urlopen(
            method,
            target._replace(scheme="", netloc="", fragment="").geturl(),
            body=body,
            headers=all_headers,
            redirect=False,
            preload_content=False,
        )
        self._keep_cookies(response)
        return response

    def request(self, method: str, path: str, *, body: Body = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send one request and return the whole answer, whatever its status."""
        response = self.stream(method, path, body=body, headers=headers)
        try:
            content = response.read()
        finally:
            response.release_conn()
        return Answer(response.status, response.headers, content, urljoin(self.address, path))

    def get(self, path: str) -> Answer:
        """Fetch a page, following redirects."""
        answer = self.request("GET", path)
        for _ in range(MOST_REDIRECTS):
            if answer.status not in {301, 302, 303, 307, 308}:
                return answer
            answer = self.request("GET", urljoin(answer.url, answer.headers["Location"]))
        raise ClientError(f"{path} redirects without end")

    def post(self, path: str, fields: Mapping[str, str]) -> Answer:
        """Send a form, and follow the redirect that answers it."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self.request("POST", path, body=urlencode(fields).encode(), headers=headers)
        if answer.status in {302, 303}:
            return self.get(urljoin(answer.url, answer.headers["Location"]))
        return answer

    def post_json(self, path: str, value: object) -> Answer:
        """Send JSON."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        return self.request("POST", path, body=json.dumps(value).encode(), headers=headers)

    def fill_in(self, page: Answer, fields: Mapping[str, str], has: Iterable[str] = ()) -> Answer:
        """Fill in and send the form of a page that has these fields, and also those named in `has`."""
        form = page.page.form(*fields, *has)
        return self.post(urljoin(page.url, form.action), form.values | dict(fields))

    def _csrf(self) -> str:
        return next((value for name, value in self.cookies.items() if name.startswith("posthouse_csrf")), "")

    def _keep_cookies(self, response: BaseHTTPResponse) -> None:
        for line in response.headers.getlist("Set-Cookie"):
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0" or not morsel.value:
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value


def _first(pem: str) -> str:
    end = "-----END CERTIFICATE-----"
    return pem.partition(end)[0] + end
