"""The pages of one's own lists."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from posthouse.accounts import naming
from posthouse.contacts import forms, lists
from posthouse.contacts.models import Member, PersonalList
from posthouse.contacts.views import ask, form_methods, owner
from posthouse.web.paging import page

SENTENCES = 20


@login_required
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """List one's lists."""
    found = page(request, lists.of(owner(request)))
    return render(request, "contacts/lists.html", {"page": found, "lists": lists.counted(found)})


@login_required
@form_methods
def new(request: HttpRequest) -> HttpResponse:
    """Make a list."""
    mine = owner(request)
    form = forms.ListForm(request.POST if request.method == "POST" else None, instance=PersonalList(owner=mine))
    if form.is_valid():
        if lists.of(mine).count() >= lists.MOST:
            form.add_error(None, f"You have {lists.MOST} lists already. Delete one first.")
        elif _save(form):
            return redirect("contacts:list", form.instance.pk)
    return render(request, "contacts/new_list.html", {"form": form})


@login_required
@form_methods
def one(request: HttpRequest, list_id: UUID) -> HttpResponse:
    """Show who is on a list; add people, or rename it."""
    found = get_object_or_404(PersonalList, pk=list_id, owner=owner(request))
    change = request.POST.get("change")
    name = forms.ListForm(request.POST if change == "name" else None, instance=found)
    members = forms.MembersForm(request.POST if change == "members" else None)
    if name.is_valid() and _save(name):
        messages.success(request, f"The list is called {found} now.")
        return redirect("contacts:list", found.pk)
    if members.is_valid():
        count, complaints = lists.add(found, naming.typed(members.cleaned_data["names"]))
        if count or not complaints:
            messages.success(request, f"{count:,} {'is' if count == 1 else 'are'} new on the list.")
        for sentence in complaints[:SENTENCES]:
            messages.error(request, sentence)
        if len(complaints) > SENTENCES:
            messages.error(request, f"And {len(complaints) - SENTENCES:,} more like these.")
        return redirect("contacts:list", found.pk)
    if change == "name":
        found.refresh_from_db()
    context = {"list": found, "page": page(request, lists.members(found)), "name": name, "members": members}
    return render(request, "contacts/list.html", context)


@login_required
@require_POST
def remove(request: HttpRequest, list_id: UUID, member_id: int) -> HttpResponse:
    """Take somebody from a list."""
    mine = Member.objects.select_related("user", "contact").filter(list=list_id, list__owner=owner(request))
    member = get_object_or_404(mine, pk=member_id)
    member.delete()
    messages.success(request, f"{member} is not on the list any more.")
    return redirect("contacts:list", list_id)


@login_required
@form_methods
def delete(request: HttpRequest, list_id: UUID) -> HttpResponse:
    """Delete a list, not the people on it, after a question."""
    found = get_object_or_404(PersonalList, pk=list_id, owner=owner(request))
    if request.method != "POST":
        text = f"People on it: {found.members.count():,}. They stay as they are, but the list cannot be had back."
        return ask(request, str(found), text, reverse("contacts:lists"))
    found.delete()
    messages.success(request, f"The list {found} was deleted. The people on it are as they were.")
    return redirect("contacts:lists")


def _save(form: forms.ListForm) -> bool:
    try:
        with transaction.atomic():
            form.save()
    except IntegrityError:  # another list of this name: the form does not look at constraints with the owner in them
        form.add_error("name", forms.SAME_NAME)
        return False
    return True
