"""Server > Configuration > Packages."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from posthouse.audit import log as audit
from posthouse.packages import policies
from posthouse.packages.forms import PolicyForm
from posthouse.web.access import administrator_required


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def policy(request: HttpRequest) -> HttpResponse:
    """Set how long packages are kept."""
    form = PolicyForm(request.POST or None, instance=policies.policy())
    if request.method == "POST" and form.is_valid():
        form.instance.pk = 1
        with transaction.atomic():
            form.save()
            audit.record(audit.who(request), "packages.policy", f"How long packages are kept was set: {form.instance}.")
        messages.success(request, "How long packages are kept was saved.")
        return redirect("web:configuration")
    return render(request, "packages/policy.html", {"form": form})
