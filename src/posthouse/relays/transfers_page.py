"""Server > Configuration > Transfers: how fast relays may send (R55, R56), and how fast they do."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from posthouse.audit import log as audit
from posthouse.cluster.models import Server
from posthouse.relays import chart, throttle
from posthouse.relays.forms import LimitsForm
from posthouse.relays.models import RateSample
from posthouse.relays.rate import MBIT
from posthouse.web.access import administrator_required

MOST_LINKS = 200
"""Servers whose links are shown."""


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def transfers(request: HttpRequest) -> HttpResponse:
    """Set how fast relays may send."""
    others = list(Server.objects.filter(is_self=False, removed_at=None).order_by("name")[:MOST_LINKS])
    form = LimitsForm(request.POST or None, instance=throttle.limits(), servers=others)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            saved = form.save()
            audit.record(audit.who(request), "relays.limits", f"The bandwidth of relays was set: {saved}.")
        messages.success(request, "The bandwidth of relays was saved. Running relays keep to it from now on.")
        return redirect("relays:transfers")
    return render(request, "relays/transfers.html", {"form": form, **_measured()})


@administrator_required
@require_GET
def rate(request: HttpRequest) -> HttpResponse:
    """Show how fast they send now."""
    return render(request, "relays/rate.html", _measured())


def _measured() -> dict[str, object]:
    now = timezone.now()
    allowed = throttle.allowed(now)
    since = now - timedelta(seconds=chart.SECONDS + 2)
    noted = RateSample.objects.filter(at__gt=since).values_list("at", "sent", "allowed")
    samples = (chart.Sample((now - at).total_seconds(), sent, then) for at, sent, then in noted)
    drawn = chart.draw(samples, allowed)
    return {"chart": drawn, "allowed": None if allowed is None else round(allowed / MBIT, 2)}
