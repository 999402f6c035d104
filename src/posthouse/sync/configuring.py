"""Server > Configuration > Sync and guard: what the master's administrators set for all syncs (D8)."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from posthouse.accounts.models import Guard
from posthouse.audit import log as audit
from posthouse.cluster.access import at_master
from posthouse.sync.models import Rhythm
from posthouse.web.forms import ModelForm


class RhythmForm(ModelForm[Rhythm]):
    """How often slaves are synced."""

    class Meta:
        model = Rhythm
        fields = ["interval", "failures"]
        help_texts = {
            "interval": "When nothing changes; a change is sent at once.",
            "failures": "With one more the slave is OUT OF SYNC.",
        }


class GuardForm(ModelForm[Guard]):
    """How many accounts may vanish at once."""

    class Meta:
        model = Guard
        fields = ["share", "minimum"]


@at_master
@require_http_methods(["GET", "HEAD", "POST"])
def configure(request: HttpRequest) -> HttpResponse:
    """Show what is set, and set it. It holds at once, on all processes."""
    rhythm = RhythmForm(request.POST or None, instance=Rhythm.in_force(), prefix="sync")
    guard = GuardForm(request.POST or None, instance=Guard.in_force(), prefix="guard")
    if request.method == "POST" and all([rhythm.is_valid(), guard.is_valid()]):
        with transaction.atomic():
            for row in (rhythm.instance, guard.instance):
                type(row)._default_manager.update_or_create(pk=1, defaults=_values(row))
            text = f"Syncs {rhythm.instance}; of the accounts may vanish at once: {guard.instance}."
            audit.record(audit.who(request), "sync.configured", text)
        messages.success(request, "Saved. It holds from the next sync on.")
        return redirect("sync:configure")
    return render(request, "sync/configure.html", {"rhythm": rhythm, "guard": guard})


def _values(row: Rhythm | Guard) -> dict[str, object]:
    return {field.name: getattr(row, field.name) for field in row._meta.concrete_fields if not field.primary_key}
