"""Calls that make a package: JSON that says what is to be sent, and the answers to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeGuard

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, JsonResponse

from posthouse.lib import envelopes
from posthouse.packages import drafts, limits
from posthouse.packages.drafts import Terms
from posthouse.packages.models import Cc, Package
from posthouse.store.errors import StoreError


class Malformed(Exception):
    """The call does not read as it should; the message says how."""


def make(
    request: HttpRequest, create: Callable[[dict[str, Any]], Package], state: Callable[[Package], dict[str, Any]]
) -> JsonResponse:
    """Make a package by what the body of a request asks for, and answer with its state or with what is wrong."""
    try:
        package = create(read(request))
    except RequestDataTooBig:
        return _refuse({"files": ["The list of files is too long for one package. Send several, or one archive."]}, 413)
    except Malformed as error:
        return _refuse({"call": [str(error)]}, 400)
    except drafts.Refused as refused:
        return _refuse(refused.errors, 422)
    except StoreError as error:
        return _refuse({"files": [str(error)]}, 507)
    return JsonResponse(state(package), status=201)


def read(request: HttpRequest) -> dict[str, Any]:
    """Return the arguments of `drafts.create`. Raise Malformed if the body is not a call of the right shape."""
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise Malformed("The call is not proper JSON.") from error
    if not isinstance(body, dict):
        raise Malformed("The call is not a JSON object.")
    title, note = body.get("title", ""), body.get("note", "")
    logins, files = body.get("recipients", []), body.get("files", [])
    key = body.get("key", "")
    if not isinstance(key, str) or len(key) > limits.KEY or not key.isascii() or (key and not key.isprintable()):
        raise Malformed(f"key is a text of up to {limits.KEY} plain characters.")
    if not isinstance(title, str) or not isinstance(note, str):
        raise Malformed("title and note are texts.")
    private = body.get("private", [])
    for some in (logins, private):
        if not is_names(some):
            raise Malformed("recipients and private are lists of log-in names.")
    if not isinstance(files, list) or not all(_is_file(file) for file in files):
        raise Malformed("files is a list of {path, size}, the size in bytes.")
    return {
        "title": title,
        "note": note,
        "recipients": logins,
        "files": [(file["path"], file["size"]) for file in files],
        "key": key,
        "private": private,
        "cc": _copies(body.get("cc", {})),
        "terms": _terms(body),
        "envelope": _envelope(body.get("envelope")),
    }


def _envelope(value: object) -> str:
    if value is None:
        return ""
    try:
        return envelopes.read(value).text()
    except envelopes.BadEnvelope as error:
        raise Malformed(str(error)) from error


def is_names(found: object) -> TypeGuard[list[str]]:
    """Return whether something is a list of texts."""
    return isinstance(found, list) and all(isinstance(one, str) for one in found)


def _copies(found: object) -> dict[str, list[str]]:
    if (
        not isinstance(found, dict)
        or not found.keys() <= set(Cc.Event.values)
        or not all(map(is_names, found.values()))
    ):
        raise Malformed("cc is an object of upload, receipt and download, each a list of log-in names.")
    return found


def _terms(body: dict[str, Any]) -> Terms:
    release, days, after = body.get("release"), body.get("days", "policy"), body.get("after", "")
    if not (days is None or days == "policy" or (type(days) is int and abs(days) < 2**31)):
        raise Malformed("days is a whole number, or null for no end.")
    if not isinstance(after, str):
        raise Malformed("after is keep, any or all.")
    link = body.get("link", {})
    if not isinstance(link, dict):
        raise Malformed("link is an object.")
    link_days, once, password = link.get("days", "policy"), link.get("once", False), link.get("password", "")
    if not (link_days is None or link_days == "policy" or (type(link_days) is int and abs(link_days) < 2**31)):
        raise Malformed("The days of a link are a whole number, or null for no end.")
    if not isinstance(once, bool) or not isinstance(password, str) or len(password) > limits.PASSWORD:
        raise Malformed("once is true or false, and the password a text.")
    terms = Terms(None, days, after, link_days, once, password)
    if release is None:
        return terms
    try:
        moment = datetime.fromisoformat(release)
    except (TypeError, ValueError) as error:
        raise Malformed("release is a time as in ISO 8601.") from error
    if moment.utcoffset() is None:
        raise Malformed("release needs a time zone.")
    return replace(terms, release_at=moment)


def _is_file(file: object) -> bool:
    return (
        isinstance(file, dict) and isinstance(file.get("path"), str) and type(file.get("size")) is int  # a bool is none
    )


def _refuse(errors: dict[str, list[str]], status: int) -> JsonResponse:
    return JsonResponse({"errors": errors}, status=status)
