"""The pages of one's own address book: contacts, import and export."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from posthouse.accounts.models import User
from posthouse.contacts import book, forms, importing, table
from posthouse.contacts.models import Contact
from posthouse.web.paging import page

form_methods = require_http_methods(["GET", "HEAD", "POST"])


@login_required
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """List one's contacts, found by how their names or addresses begin."""
    text = request.GET.get("q", "").replace("\0", "")[:254]
    return render(request, "contacts/index.html", {"page": page(request, book.of(owner(request), text)), "q": text})


@login_required
@form_methods
def edit(request: HttpRequest, contact_id: UUID | None = None) -> HttpResponse:
    """Make a contact, or change one."""
    mine = owner(request)
    contact = get_object_or_404(Contact, pk=contact_id, owner=mine) if contact_id else Contact(owner=mine)
    form = forms.ContactForm(request.POST if request.method == "POST" else None, instance=contact)
    if form.is_valid():
        if contact_id is None and book.of(mine).count() >= book.MOST:
            form.add_error(None, f"An address book holds {book.MOST:,} contacts. Delete some first.")
        else:
            try:
                with transaction.atomic():
                    form.save()
            except IntegrityError:  # somebody did the same in another window since the form looked
                form.add_error("email", forms.TAKEN)
            else:
                messages.success(request, f"{form.instance} was saved.")
                return redirect("contacts:index")
    return render(request, "contacts/edit.html", {"form": form, "contact": contact if contact_id else None})


@login_required
@form_methods
def delete(request: HttpRequest, contact_id: UUID) -> HttpResponse:
    """Delete a contact, on all of one's lists too, after a question."""
    contact = get_object_or_404(Contact, pk=contact_id, owner=owner(request))
    if request.method != "POST":
        text = "The address is taken off your lists, too. Packages that were sent stay as they are."
        return ask(request, str(contact), text, reverse("contacts:index"))
    contact.delete()
    messages.success(request, f"{contact} was deleted. Packages that were sent stay as they are.")
    return redirect("contacts:index")


@login_required
@form_methods
def take_in(request: HttpRequest) -> HttpResponse:
    """Take in a CSV file, and tell what came of each bad line."""
    form = forms.ImportForm(request.POST or None, request.FILES or None)
    outcome = None
    if request.method == "POST" and form.is_valid():
        try:
            outcome = importing.take(owner(request), form.cleaned_data["file"])
        except table.NoTable as error:
            form.add_error("file", str(error))
    return render(request, "contacts/import.html", {"form": form, "outcome": outcome})


@login_required
@never_cache
@require_safe
def export(request: HttpRequest) -> HttpResponse:
    """Hand out one's contacts and lists as a CSV file."""
    answer = HttpResponse(importing.export(owner(request)), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="contacts.csv"'
    return answer


def ask(request: HttpRequest, title: str, text: str, back: str) -> HttpResponse:
    """Ask whether something shall be deleted; the text says what that means."""
    return render(request, "contacts/delete.html", {"title": title, "text": text, "back": back})


def owner(request: HttpRequest) -> User:
    """Return whose address book it is."""
    return cast(User, request.user)
