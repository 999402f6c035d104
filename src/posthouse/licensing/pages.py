"""Server > Configuration > Licence."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from posthouse.audit import log as audit
from posthouse.licensing import here, judging, licences, seats
from posthouse.licensing.forms import LicenceForm
from posthouse.web.access import administrator_required


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def licence(request: HttpRequest) -> HttpResponse:
    """Show what this server is licensed for, and install a new licence."""
    form = LicenceForm(request.POST, request.FILES) if request.method == "POST" else LicenceForm()
    if form.is_bound and form.is_valid():
        terms = licences.install(form.cleaned_data["licence"], audit.who(request))
        messages.success(request, f"Licence {terms.serial} for {terms.licensee} was installed.")
        return redirect("licensing:licence")
    standing, now = licences.standing(), timezone.now()
    context = {
        "form": form,
        "standing": standing,
        "terms": standing.terms,
        "last_day": judging.last_day(standing.terms) if standing.terms else "",
        "seats": seats.now(),
        "this": here.this(),
        "lacking": judging.lacking(standing, here.this().name),
        "ends_soon": standing.ends_soon(now),
    }
    return render(request, "licensing/licence.html", context)
