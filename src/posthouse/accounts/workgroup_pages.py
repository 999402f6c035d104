"""The pages of workgroups: administered on the master; their members are changed on slaves, too (M3, M7)."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from posthouse.accounts import access, membership, naming, workgroups
from posthouse.accounts.models import Membership, User, Workgroup
from posthouse.accounts.workgroup_forms import MembersForm, WorkgroupForm
from posthouse.audit import log as audit
from posthouse.cluster import servers
from posthouse.web.access import View, administrator_required
from posthouse.web.paging import page

SENTENCES = 20
form_methods = require_http_methods(["GET", "HEAD", "POST"])


@login_required
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """List the workgroups of a person; all of them for an administrator."""
    user, text = _user(request), request.GET.get("q", "").replace("\0", "").strip()[:200]
    seen = workgroups.seen_by(user)
    found = page(request, seen.filter(name__prefix=text) if text else seen)
    counted = Membership.objects.filter(workgroup__in=[group.pk for group in found]).values_list("workgroup")
    counts = dict(counted.annotate(people=Count("user_id")))
    rows = [(group, counts.get(group.pk, 0)) for group in found]
    return render(
        request, "accounts/workgroups.html", {"page": found, "groups": rows, "q": text, **_keeper("workgroups")}
    )


@login_required
@form_methods
def one(request: HttpRequest, group_id: UUID) -> HttpResponse:
    """Show a workgroup and who is in it; add people, or remove one."""
    user = _user(request)
    group = get_object_or_404(workgroups.seen_by(user), pk=group_id)
    leads = workgroups.leads(user, group)
    form = MembersForm(request.POST if "names" in request.POST else None)
    if request.method == "POST":
        if not leads:
            raise PermissionDenied(f"You may not change who is in {group.name}. Ask one of its administrators.")
        if "remove" in request.POST:
            _remove(request, user, group)
            return redirect("accounts:workgroup", group.pk)
        if form.is_valid():
            _add(request, user, group, form.cleaned_data["names"])
            return redirect("accounts:workgroup", group.pk)
    text = request.GET.get("q", "").replace("\0", "").strip()[:200]
    rows = (
        group.memberships.select_related("user__home").filter(user__removed_at=None).order_by("user__name", "user_id")
    )
    shown = workgroups.shows_members(user, group)
    context = {
        "group": group,
        "leads": leads,
        "shown": shown,
        "page": page(request, rows.filter(user__name__prefix=text) if text else rows) if shown else None,
        "q": text,
        "form": form,
        **_keeper("workgroup", group.pk),
    }
    return render(request, "accounts/workgroup.html", context)


def at_keeper(view: View) -> View:
    """Answer an administrator where workgroups are kept; on a slave say where that is."""

    @administrator_required
    def guarded(request: HttpRequest, **place: Any) -> HttpResponse:
        kept = _keeper("edit_workgroup" if place else "new_workgroup", *(list(place.values())[:1]))
        if kept:
            return render(request, "accounts/workgroup_at_master.html", kept, status=403)
        return cast(HttpResponse, view(request, **place))

    return guarded


@at_keeper
@form_methods
def edit(request: HttpRequest, group_id: UUID | None = None) -> HttpResponse:
    """Make a workgroup, or change its name, its description and who may send to it."""
    present = Workgroup.objects.filter(removed_at=None)
    group = get_object_or_404(present, pk=group_id) if group_id else Workgroup()
    form = WorkgroupForm(request.POST if request.method == "POST" else None, instance=group)
    if form.is_valid():
        try:
            with transaction.atomic():
                group = form.save()
                done = "changed" if group_id else "made"
                audit.record(audit.who(request), f"workgroup.{done}", f"The workgroup {group} was {done}.", group)
        except IntegrityError:  # somebody else took the name since the form looked
            form.add_error("name", "Another workgroup has this name. Capital letters make no difference.")
        else:
            messages.success(request, f"The workgroup {group} was {done}.")
            return redirect("accounts:workgroup", group.pk)
    title = present.filter(pk=group_id).values_list("name", flat=True).first() if group_id else ""
    return render(request, "accounts/workgroup_edit.html", {"form": form, "group_id": group_id, "title": title})


@at_keeper
@form_methods
def delete(request: HttpRequest, group_id: UUID) -> HttpResponse:
    """Delete a workgroup, after a question; the people in it stay."""
    group = get_object_or_404(Workgroup, pk=group_id, removed_at=None)
    if request.method != "POST":
        people = group.memberships.filter(user__removed_at=None).count()
        return render(request, "accounts/workgroup_delete.html", {"group": group, "people": people})
    with transaction.atomic():
        if Workgroup.objects.filter(pk=group.pk, removed_at=None).update(removed_at=timezone.now()):
            Membership.objects.filter(workgroup=group).delete()
            audit.record(audit.who(request), "workgroup.removed", f"The workgroup {group} was deleted.", group)
    messages.success(request, f"The workgroup {group} was deleted. Its people and their packages stay.")
    return redirect("accounts:workgroups")


@at_keeper
@require_POST
def lead(request: HttpRequest, group_id: UUID, user_id: UUID) -> HttpResponse:
    """Make somebody an administrator of a workgroup, or no longer."""
    rows = Membership.objects.filter(workgroup=group_id, workgroup__removed_at=None, user=user_id)
    row = get_object_or_404(rows.select_related("user", "workgroup"))
    leads = request.POST.get("leads") == "yes"
    with transaction.atomic():
        if rows.filter(is_administrator=not leads).update(is_administrator=leads):
            text = f"{row.user} is {'an administrator' if leads else 'no administrator any more'} of {row.workgroup}."
            audit.record(audit.who(request), "workgroup.administrator", text, row.workgroup)
            messages.success(request, text)
    return redirect("accounts:workgroup", group_id)


def _add(request: HttpRequest, user: User, group: Workgroup, text: str) -> None:
    names = [name for name, _ in naming.typed(text)]
    known = naming.find(names)
    people = {name: known.people[name] for name in names if name in known.people and not known.people[name].local}
    if people and not _changed(request, user, group, membership.Change(add=[one.pk for one in people.values()])):
        return
    unknown = [name for name in names if name not in people]
    for name in unknown[:SENTENCES]:
        why = "belongs to several people: write the user name" if name in known.several else "is nobody's name here"
        messages.error(request, f"“{name[:100]}” {why}.")
    if len(unknown) > SENTENCES:
        messages.error(request, f"And {len(unknown) - SENTENCES:,} more like these.")


def _remove(request: HttpRequest, user: User, group: Workgroup) -> None:
    try:
        whom = UUID(request.POST["remove"])
    except ValueError:
        return
    _changed(request, user, group, membership.Change(remove=[whom]))


def _changed(request: HttpRequest, user: User, group: Workgroup, wanted: membership.Change) -> bool:
    try:
        done = membership.change(user, group, wanted, audit.who(request))
    except membership.NotChanged as refusal:
        messages.error(request, str(refusal))
        return False
    told = [f"{len(done.add):,} added to {group}."] if wanted.add else []
    messages.success(
        request, " ".join([*told, *([f"{len(done.remove):,} removed from {group}."] if wanted.remove else [])])
    )
    return True


def _keeper(name: str, *place: UUID) -> dict[str, object]:
    """Return the server that keeps the workgroups, and its page of this name, when it is not this one."""
    keeper = access.keeper()
    if keeper is None:
        return {}
    url = None if keeper.is_self else servers.page(keeper, f"accounts:{name}", *place)
    return {"keeper": keeper, "keeper_url": url}


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)
