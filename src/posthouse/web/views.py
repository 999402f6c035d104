"""The health of the server, for machines and for administrators."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from posthouse import __version__
from posthouse.web import configuration, health
from posthouse.web.access import administrator_required


@never_cache
@require_safe
def health_status(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - Django's signature
    """Tell a load balancer or a monitor whether this server can work: 200, or 503 with what is broken."""
    reason = health.reason()
    if reason:
        return JsonResponse({"status": "failing", "reason": reason, "version": __version__}, status=503)
    return JsonResponse({"status": "ok", "version": __version__})


@never_cache
@administrator_required
@require_safe
def health_page(request: HttpRequest) -> HttpResponse:
    """Show administrators how this server is doing."""
    return render(request, "web/health.html", {"facts": list(health.facts()), "findings": health.findings()})


@administrator_required
@require_safe
def configuration_page(request: HttpRequest) -> HttpResponse:
    """List the pages on which this server is configured."""
    return render(request, "web/configuration.html", {"sections": configuration.sections()})
