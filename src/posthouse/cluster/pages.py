"""The pages on which servers become a cluster. What they do is done by posthouse.cluster.pairing and testing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

import posthouse
from posthouse.audit import log
from posthouse.cluster import identity, pairing, servers, testing
from posthouse.cluster.access import at_master
from posthouse.cluster.addresses import Address, BadAddress
from posthouse.cluster.errors import CallError
from posthouse.cluster.forms import AddressForm, ConvertForm, NewServerForm, ServerForm, WaysForm
from posthouse.cluster.looking import Found
from posthouse.cluster.looking import look as look_at
from posthouse.cluster.models import Server
from posthouse.cluster.pairing import PairingRefused
from posthouse.web.access import administrator_required

SHOWN = 20
form_methods = require_http_methods(["GET", "HEAD", "POST"])
Problem = (PairingRefused, CallError, BadAddress)


@administrator_required
@form_methods
def convert(request: HttpRequest) -> HttpResponse:
    """Convert to Slave: first the master's address, then the comparison of fingerprints, then the deed."""
    if "key" in request.POST:
        return _convert(request)
    form = AddressForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            found = pairing.look(form.cleaned_data["address"])
            pairing.check_master(found)
        except Problem as problem:
            form.refuse(problem)
        else:
            last = ConvertForm(
                initial={"address": form.cleaned_data["address"], "key": found.keys[0]}, name=servers.this().name
            )
            return _comparison(request, last, found.name, found.keys[0], found.version)
    try:
        pairing.may_convert()
    except PairingRefused as refusal:
        return render(request, "cluster/refused.html", {"title": "Convert Server to Slave", "reason": refusal.message})
    return render(request, "cluster/convert.html", {"form": form})


def _convert(request: HttpRequest) -> HttpResponse:
    form = ConvertForm(request.POST, name=servers.this().name)
    if form.is_valid():
        try:
            master = pairing.convert(form.cleaned_data["address"], form.cleaned_data["key"], by=log.who(request))
        except Problem as problem:
            form.refuse(problem)
        else:
            messages.success(
                request,
                f"This server is a slave of {master.name} now. Next, log in at {master.name} and choose"
                " Server > Multi-Server > Add New Server.",
            )
            return redirect("sync:servers")
    return _comparison(request, form, "the master", str(form["key"].value() or ""))


def _comparison(request: HttpRequest, form: ConvertForm, name: str, key: str, version: str = "") -> HttpResponse:
    try:
        fingerprint = identity.fingerprint(key)
    except ValueError:
        return redirect("cluster:convert")
    doomed = _doomed()
    context = {
        "form": form,
        "master": name,
        "address": form["address"].value(),
        "fingerprint": fingerprint,
        "version": version,
        "own_version": posthouse.__version__,
        "this": servers.this(),
        "doomed": doomed[:SHOWN],
        "count": doomed.count(),
        "keeping": get_user_model()._default_manager.filter(role="administrator", removed_at=None, is_active=True),
    }
    return render(request, "cluster/compare_master.html", context)


def _doomed() -> Any:
    """Return the accounts that the first sync overwrites: administrators keep theirs, as local ones."""
    accounts = get_user_model()._default_manager.filter(local=False, removed_at=None)
    return accounts.exclude(role="administrator").order_by("login")


@at_master
@form_methods
def add(request: HttpRequest) -> HttpResponse:
    """Add New Server: first its name and address, then the comparison of fingerprints, then the deed."""
    if "key" in request.POST:
        return _add(request)
    form = ServerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            found = look_at(Address(data["host"], data["port"], data["namespace"]))
            pairing.check_slave(found, data["name"])
        except Problem as problem:
            form.refuse(problem)
        else:
            last = NewServerForm(initial=data | {"key": found.keys[0]})
            return _compare_slave(request, last, data["name"], found)
    return render(request, "cluster/new.html", {"form": form})


def _add(request: HttpRequest) -> HttpResponse:
    form = NewServerForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        try:
            slave = pairing.add(
                data["name"],
                data["host"],
                data["namespace"],
                data["port"],
                data["alternate"],
                data["links"],
                expected_key=data["key"],
                by=log.who(request),
            )
        except Problem as problem:
            messages.error(request, str(problem))
        else:
            messages.success(request, f"{slave.name} was added. It is OUT OF SYNC until you Test and Sync it.")
            return redirect("sync:servers")
    shown = ServerForm(request.POST)
    shown.is_valid()
    return render(request, "cluster/new.html", {"form": shown})


def _compare_slave(request: HttpRequest, form: NewServerForm, name: str, found: Found) -> HttpResponse:
    context = {
        "form": form,
        "name": name,
        "address": f"{found.address.host}:{found.address.port}{found.address.namespace}",
        "fingerprint": found.fingerprint,
        "version": found.version,
        "own_version": posthouse.__version__,
    }
    return render(request, "cluster/compare_slave.html", context)


@at_master
@form_methods
def edit(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Change how a server is called and reached; of this one, the second way to it."""
    server = get_object_or_404(Server, id=server_id, removed_at=None)
    ways = {"alternate": server.alternate_address, "links": server.link_address}
    known = {"name": server.name, "host": server.host, "namespace": server.namespace, "port": server.port} | ways
    kind = WaysForm if server.is_self else ServerForm
    form = kind(request.POST or None, initial=known)
    if request.method == "POST" and form.is_valid():
        try:
            if server.is_self:
                pairing.edit_this(**form.cleaned_data, by=log.who(request))
            else:
                pairing.edit(server, **form.cleaned_data, by=log.who(request))
        except Problem as problem:
            form.refuse(problem)
        else:
            messages.success(request, f"{form.cleaned_data.get('name', server.name)} was changed.")
            return redirect("sync:servers")
    return render(request, "cluster/edit.html", {"form": form, "name": known["name"], "server": server})


@administrator_required
@require_GET
def test(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Test the way to another server. The page comes at once, and asks for one stage after the other."""
    server = _other(server_id)
    context: dict[str, Any] = {"server": server}
    if "lines" in request.GET:  # all at once, for browsers without scripts
        lines = list(testing.test(server))
        context |= {"lines": lines, "failed": sum(not line.ok for line in lines)}
    elif "stage" in request.GET:
        return _stage(request, server)
    else:
        context["next"] = {"number": 0, "title": testing.stages(server)[0][0], "failed": 0}
    return render(request, "cluster/test.html", context)


def _stage(request: HttpRequest, server: Server) -> HttpResponse:
    """Show the lines of one stage, and what comes next: another stage, or the result."""
    stages = testing.stages(server)
    number, failed = (_count(request.GET.get(name, "")) for name in ("stage", "failed"))
    if number >= len(stages):
        raise Http404
    lines = list(stages[number][1](server))
    failed += sum(not line.ok for line in lines)
    context: dict[str, Any] = {"server": server, "lines": lines, "failed": failed}
    if number + 1 < len(stages) and not any(line.ends for line in lines):
        context["next"] = {"number": number + 1, "title": stages[number + 1][0], "failed": failed}
    return render(request, "cluster/test_lines.html", context | {"part": True})


def _count(text: str) -> int:
    """Return the small number that a page passes on to itself. Raises Http404 when it is none."""
    if text.isascii() and text.isdigit() and len(text) < 3:
        return int(text)
    raise Http404


@at_master
@form_methods
def remove(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Take a slave out of the cluster, once that is confirmed."""
    server = _other(server_id)
    if request.method == "POST":
        try:
            pairing.remove(server, by=log.who(request))
        except PairingRefused as refusal:
            messages.error(request, refusal.message)
        else:
            messages.success(
                request,
                f"{server.name} was removed. To use it alone, log in there and choose Reset Configuration.",
            )
        return redirect("sync:servers")
    residents = get_user_model()._default_manager.filter(home=server, removed_at=None).count()
    context = {"server": server, "residents": residents, "this": servers.this()}
    return render(request, "cluster/remove.html", context)


@administrator_required
@form_methods
def reset(request: HttpRequest) -> HttpResponse:
    """Make this slave a stand-alone server again, once that is confirmed."""
    if request.method == "POST":
        try:
            pairing.reset(by=log.who(request))
        except PairingRefused as refusal:
            messages.error(request, refusal.message)
        else:
            messages.success(request, "This server stands alone again. Its accounts and packages are all here.")
        return redirect("sync:servers")
    if servers.this().role != Server.Role.SLAVE:
        context = {"title": "Reset Configuration", "reason": "Only a slave can be reset, and this server is none."}
        return render(request, "cluster/refused.html", context)
    return render(request, "cluster/reset.html", {"this": servers.this(), "master": servers.master()})


def _other(server_id: UUID) -> Server:
    return get_object_or_404(Server, id=server_id, is_self=False, removed_at=None)
