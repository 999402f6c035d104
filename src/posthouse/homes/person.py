"""The home server of one user, or of many: by hand, or by rule again (R53, R54)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import Count, QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from posthouse.accounts import people, signals
from posthouse.accounts.models import User
from posthouse.audit import log as audit
from posthouse.cluster.models import Server
from posthouse.homes import behind
from posthouse.homes.access import rules_at_master
from posthouse.homes.forms import HomeForm

form_methods = require_http_methods(["GET", "HEAD", "POST"])
MOST = 200
"""Users that are named one by one. All of a search may be any number."""


@rules_at_master
@form_methods
def choose(request: HttpRequest) -> HttpResponse:
    """Set the home server of the users that were chosen in the list of accounts, or of all that a search finds."""
    asked = request.POST if request.method == "POST" else request.GET
    chosen = _chosen(asked.getlist("id"), asked.get("q", ""), everybody="all" in asked)
    count = chosen.count()
    if not count:
        messages.error(request, "Choose users first. Local accounts live on their server and cannot be moved.")
        return redirect("accounts:list")
    form = HomeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        home = form.cleaned_data["home"]
        moved = set_home(chosen, home, audit.who(request))
        where = f"is {home.name} now, set by hand" if home else "follows the home server rules now"
        whose = f"The home server of {count} users" if count > 1 else f"The home server of {chosen.get()}"
        messages.success(request, f"{whose} {where}. {moved} {'has' if moved == 1 else 'have'} moved.")
        return redirect("accounts:list")
    context: dict[str, Any] = {
        "form": form,
        "count": count,
        "named": list(chosen.order_by(Lower("login"))[:10]),
        "homes": chosen.values("home__name").annotate(count=Count("id")).order_by("-count"),
        "behind": behind.of(chosen.filter(home__is_self=True).values("pk")),
        "ids": asked.getlist("id")[:MOST],
        "q": asked.get("q", ""),
        "all": "all" in asked,
    }
    return render(request, "homes/choose.html", context)


def set_home(chosen: QuerySet[User], home: Server | None, who: audit.Who) -> int:
    """Set the home server of users by hand, or by rule again, and return how many have moved."""
    with transaction.atomic():
        before = dict(chosen.values_list("pk", "home_id"))
        everyone = User.objects.filter(pk__in=chosen.values("pk"))
        if home is None:
            everyone.update(home_by_hand=False)
        else:
            everyone.update(home=home, home_by_hand=True)
        signals.people_changed.send(User, ids=set(before), by=who.name)
        where = f"set to {home.name} by hand" if home else "given back to the home server rules"
        audit.record(who, "homes.set", f"The home server of {len(before)} users was {where}.", home)
        after = dict(chosen.values_list("pk", "home_id"))
    return sum(after.get(pk) != old for pk, old in before.items())


def _chosen(ids: list[str], text: str, *, everybody: bool) -> QuerySet[User]:
    if everybody:
        found = people.matching(text.replace("\0", "")).filter(local=False)
        return found.select_related(None).order_by()
    wanted = []
    for each in ids[:MOST]:
        try:
            wanted.append(UUID(each))
        except ValueError:
            continue
    return User.objects.present().filter(local=False, pk__in=wanted)
