"""Exporting the accounts that a conversion overwrites, and making them again (D4)."""

from __future__ import annotations

from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from posthouse.accounts import access, copies
from posthouse.audit import log
from posthouse.cluster import servers
from posthouse.web.access import administrator_required
from posthouse.web.paging import page

LIMIT = 8 * 1024 * 1024


class FileForm(forms.Form):
    """A file of accounts."""

    file = forms.FileField(
        label="File",
        help_text="A file that Export the accounts has made, of at most 8 MB.",
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
    )

    def clean_file(self) -> str:
        """Return the text of the file."""
        file = self.cleaned_data["file"]
        if file.size > LIMIT:
            raise forms.ValidationError("The file is larger than 8 MB. Use the command: posthouse accounts restore.")
        try:
            return str(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise forms.ValidationError("The file is not text in UTF-8.") from error


@administrator_required
@require_safe
def overwritten(request: HttpRequest) -> HttpResponse:
    """List the accounts that a conversion overwrites."""
    context = {"page": page(request, copies.overwritten().select_related("home")), "this": servers.this()}
    return render(request, "accounts/overwritten.html", context)


@administrator_required
@never_cache
@require_http_methods(["POST"])
def export(request: HttpRequest) -> HttpResponse:
    """Hand out the accounts that a conversion overwrites, as a CSV file."""
    passwords = "passwords" in request.POST
    with transaction.atomic():
        words = " with the hashes of their passwords" if passwords else ""
        log.record(log.who(request), "accounts.exported", f"Accounts were exported{words}.")
        content = "".join(copies.export(copies.overwritten(), passwords=passwords))
    answer = HttpResponse(content, content_type="text/csv; charset=utf-8")
    name = "accounts-with-passwords" if passwords else "accounts"
    answer["Content-Disposition"] = f'attachment; filename="{name}-{servers.this().id}.csv"'
    return answer


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def restore(request: HttpRequest) -> HttpResponse:
    """Make the accounts of a file again."""
    keeper = access.keeper()
    if keeper is not None:
        url = None if keeper.is_self else servers.page(keeper, "accounts:restore")
        context = {"keeper": keeper, "keeper_url": url}
        return render(request, "accounts/at_master.html", context, status=403)
    form = FileForm(request.POST or None, request.FILES or None)
    outcome = None
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                outcome = copies.restore(form.cleaned_data["file"])
                text = f"Accounts were restored from a file: {outcome.made} made, {outcome.back} brought back."
                log.record(log.who(request), "accounts.restored", text)
        except copies.NoFile as error:
            form.add_error("file", str(error))
    return render(request, "accounts/restore.html", {"form": form, "outcome": outcome})
