"""The licences of this server: what they allow now, and how one is installed."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from posthouse.audit import log as audit
from posthouse.audit.log import Who
from posthouse.licensing import here, judging, signals, tokens
from posthouse.licensing.judging import LEEWAY, UNLICENSED, Standing, State
from posthouse.licensing.models import Licence
from posthouse.licensing.tokens import BadLicence, Terms

MOST = 50
"""Licences that are kept: old ones go when new ones come."""


def needed() -> bool:
    """Return whether this server needs a licence: whether its settings name an issuer."""
    return bool(settings.POSTHOUSE.licence_issuer)


def standing() -> Standing:
    """Return what this server may do now. One query when a licence is needed, none otherwise."""
    if not needed():
        return UNLICENSED
    found, problem = [], ""
    for serial, token in Licence.objects.order_by("installed_at").values_list("serial", "token"):
        try:
            found.append(read(token))
        except BadLicence as error:
            problem = f"Licence {serial} cannot be used: {error}"
    return judging.judge(found, problem, here.this().id, timezone.now())


def lacking() -> str:
    """Return why this server may not do what servers of a cluster do, and the cure; empty when it may (R1)."""
    return judging.lacking(standing(), here.this().name) if needed() else ""


def read(text: str) -> Terms:
    """Return what a licence says. Raises BadLicence."""
    if not needed():
        raise BadLicence("The settings name no licence issuer (licence_issuer), so this server needs no licence.")
    return _read(text, settings.POSTHOUSE.licence_issuer)


def check(text: str) -> Terms:
    """Return what a licence says that could be installed here. Raises BadLicence."""
    terms, this = read(text), here.this()
    if terms.server not in {None, this.id}:
        raise BadLicence(
            f"Licence {terms.serial} is for the server with the id {terms.server}. {this.name} has the id {this.id}:"
            " ask the issuer for one that is for this server."
        )
    if terms.ends + LEEWAY <= timezone.now():
        raise BadLicence(
            f"Licence {terms.serial} has ended on {judging.last_day(terms)}. Ask the issuer for a new one, unless the"
            " clock of this server is wrong."
        )
    return terms


def install(text: str, by: Who) -> Terms:
    """Check a licence and keep it; it holds at once, in all processes. Raises BadLicence."""
    terms = check(text)
    with transaction.atomic():
        Licence.objects.update_or_create(
            serial=terms.serial,
            defaults={"token": "".join(text.split()), "installed_at": timezone.now(), "installed_by": by.name[:200]},
        )
        _forget_old(terms.serial)
        signals.installed.send(Licence)
        audit.record(by, "licence.installed", f"Licence {terms.serial} for {terms.licensee} was installed.")
    return terms


def report() -> dict[str, Any]:
    """Return what other servers are told of the licence: {"ok": …, "result": a sentence, "cure": a sentence}."""
    now = standing()
    if now.state is State.UNLICENSED:
        return {"ok": True, "result": "It needs no licence: its settings name no issuer.", "cure": ""}
    if now.multi_server and now.terms is not None:
        result = f"Licence {now.terms.serial} has multi-server and is good until {judging.last_day(now.terms)}."
        return {"ok": True, "result": result, "cure": ""}
    name = here.this().name
    return {
        "ok": False,
        "result": judging.shortcoming(now, name),
        "cure": f"Install a licence with the multi-server entitlement at {judging.WHERE} of {name}.",
    }


def _forget_old(kept: str) -> None:
    """Drop the oldest ones, when there are more than anybody needs."""
    old = list(Licence.objects.exclude(serial=kept).order_by("-installed_at").values_list("serial", flat=True))
    Licence.objects.filter(serial__in=old[MOST - 1 :]).delete()


@lru_cache(maxsize=256)
def _read(text: str, issuers: str) -> Terms:
    return tokens.read(text, _issuers(issuers))


@lru_cache(maxsize=8)
def _issuers(text: str) -> list[Ed25519PublicKey]:
    return tokens.load_issuers(text)
