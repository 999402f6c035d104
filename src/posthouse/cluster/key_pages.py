"""Identity and keys: this server's fingerprint, those of the others, and the rotation of its key (D7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from posthouse.audit import log
from posthouse.audit.log import Who
from posthouse.cluster import identity, keys, rotation, servers
from posthouse.cluster.pairing import PairingRefused
from posthouse.web.access import administrator_required

Step = Callable[[Who], object]
STEPS: dict[str, tuple[Step, str]] = {
    "begin": (rotation.begin, "A new key was made."),
    "switch": (rotation.switch, "This server signs with the new key now."),
    "switch-without": (lambda by: rotation.switch(by, without=True), "This server signs with the new key now."),
    "retire": (rotation.retire, "The old key is retired: nothing that it signs is accepted any more."),
    "replace": (rotation.replace, "This server has another key now, and the old one is retired."),
    "tell": (lambda _: None, ""),
}
"""What the page can do, each with what it then says. The others are told after each of them."""


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """Show the keys, and take the rotation one step further."""
    if request.method == "POST":
        return _step(request)
    change, signing = keys.rotation(), identity.public_key()
    waiting = rotation.unaware() if change else []
    others = servers.others()
    context: dict[str, Any] = {
        "this": servers.this(),
        "fingerprint": identity.fingerprint(signing),
        "letters": identity.code(signing),
        "stage": "none" if change is None else "switched" if signing == change.new else "begun",
        "new": identity.fingerprint(change.new) if change else "",
        "old": identity.fingerprint(change.old) if change else "",
        "began_at": change.began_at if change else None,
        "waiting": waiting,
        "others": [
            {
                "name": server.name,
                "fingerprints": [identity.fingerprint(key) for key in server.keys],
                "knows": server not in waiting,
            }
            for server in others
        ],
    }
    return render(request, "cluster/keys.html", context)


def _step(request: HttpRequest) -> HttpResponse:
    step, done = STEPS.get(request.POST.get("step", ""), STEPS["tell"])
    try:
        step(log.who(request))
    except PairingRefused as refusal:
        messages.error(request, refusal.message)
        return redirect("cluster:keys")
    if done:
        messages.success(request, done)
    for server, why in rotation.tell_unaware():
        messages.warning(request, f"{server.name} was not told, and is tried again by itself. {why}")
    return redirect("cluster:keys")
