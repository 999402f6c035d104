"""Server > Multi-Server > Home Server Rules: the list, the default server, and the rules themselves (R32-R54)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from posthouse.audit import log as audit
from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.homes import examples, explaining, ordering, ruleset, standing
from posthouse.homes.access import rules_at_master
from posthouse.homes.forms import DefaultForm, ExplainForm, RuleForm
from posthouse.homes.models import Default, Rule
from posthouse.web.access import administrator_required

form_methods = require_http_methods(["GET", "HEAD", "POST"])
RECALCULATE = "Users who are there already stay where they are until you choose Recalculate."


@administrator_required
@require_safe
def rules(request: HttpRequest) -> HttpResponse:
    """Show the rules; on a slave, its copies of them."""
    return _list(request)


def _list(request: HttpRequest, form: RuleForm | None = None, default: DefaultForm | None = None) -> HttpResponse:
    this = servers.this()
    context: dict[str, Any] = {
        "rules": list(ruleset.present().select_related("home")),
        "is_slave": this.role == Server.Role.SLAVE,
    }
    if context["is_slave"]:
        master = servers.master()
        context |= {"master": master, "url": servers.page(master, "homes:rules") if master else ""}
        return render(request, "homes/rules.html", context)
    chosen = Default.objects.first() or Default()
    failed: dict[UUID, list[str]] = {}
    for failure in examples.failures():
        failed.setdefault(failure.rule, []).append(failure.sentence)
    context |= {
        "focus": _focus(request, context["rules"]),
        "form": form or RuleForm(),
        "open": form is not None,
        "default": default or DefaultForm(instance=chosen),
        "problem": standing.default_problem(),
        "failed": failed,
        "outdated": not standing.settled(),
    }
    return render(request, "homes/rules.html", context)


def _focus(request: HttpRequest, shown: list[Rule]) -> tuple[str, UUID] | None:
    """Return which button has the focus after a rule was moved by it, so that it can be pressed again."""
    for place, rule in enumerate(shown, 1):
        if str(rule.pk) == request.GET.get("moved"):
            way = "up" if request.GET.get("to") == "up" else "down"
            way = "down" if place == 1 else "up" if place == len(shown) else way
            return way, rule.pk
    return None


@rules_at_master
@require_POST
def default(request: HttpRequest) -> HttpResponse:
    """Choose the Default Server."""
    form = DefaultForm(request.POST, instance=Default.objects.first() or Default())
    if not form.is_valid():
        return _list(request, default=form)

    def act() -> str:
        Default.objects.filter(pk=Default.ONLY).update(server=form.cleaned_data["server"])
        return f"{form.instance.server} was chosen as the Default Server."

    return _change(request, "homes.default", act)


@rules_at_master
@form_methods
def new(request: HttpRequest) -> HttpResponse:
    """Create a rule."""
    if request.method != "POST":
        return _list(request, RuleForm())
    form = RuleForm(request.POST)
    if form.is_valid() and _keep(request, form, "created"):
        return redirect("homes:rules")
    return _list(request, form)


@rules_at_master
@form_methods
def edit(request: HttpRequest, rule_id: UUID) -> HttpResponse:
    """Change a rule."""
    rule = get_object_or_404(ruleset.present(), pk=rule_id)
    title = rule.name  # the form writes into the rule, also what it then refuses
    form = RuleForm(request.POST or None, instance=rule)
    if request.method == "POST" and form.is_valid() and _keep(request, form, "changed"):
        return redirect("homes:rules")
    return render(request, "homes/edit.html", {"form": form, "rule": rule, "title": title})


def _keep(request: HttpRequest, form: RuleForm, how: str) -> bool:
    said = f"The home server rule {form.instance.name} was {how}."
    if not form.keep(audit.who(request), f"homes.rule_{how}", said):
        return False
    messages.success(request, f"{said} {RECALCULATE}")
    for warning in form.warnings():
        messages.warning(request, warning)
    return True


@rules_at_master
@form_methods
def delete(request: HttpRequest, rule_id: UUID) -> HttpResponse:
    """Delete a rule, after a question."""
    rule = get_object_or_404(ruleset.present().select_related("home"), pk=rule_id)
    if request.method != "POST":
        return render(request, "homes/delete.html", {"rule": rule})

    def act() -> str:
        ordering.delete(rule)
        return f"The home server rule {rule.name} was deleted."

    return _change(request, "homes.rule_deleted", act, rule)


@rules_at_master
@require_POST
def move(request: HttpRequest, rule_id: UUID) -> HttpResponse:
    """Put a rule at another place: one up, one down, or where it was dragged to."""
    rule = get_object_or_404(ruleset.present(), pk=rule_id)
    to = request.POST.get("to", "")

    def act() -> str:
        dragged = to.isascii() and to.isdigit() and len(to) < 6
        place = int(to) if dragged else ordering.place_of(rule.pk) + {"up": -1, "down": 1}.get(to, 0)
        if not ordering.move(rule.pk, place):
            return ""
        return f"The home server rule {rule.name} stands at place {ordering.place_of(rule.pk)} now."

    return _change(request, "homes.rule_moved", act, rule, {"moved": str(rule.pk), "to": to})


def _change(
    request: HttpRequest,
    action: str,
    act: Callable[[], str],
    rule: Rule | None = None,
    query: dict[str, str] | None = None,
) -> HttpResponse:
    """Change the rules; when examples would fail, ask first. `act` returns what it did as a sentence, or nothing.

    The list is shown then, with the query.
    """
    try:
        with examples.changing(confirmed="confirmed" in request.POST):
            said = act()
            if said:
                audit.record(audit.who(request), action, said, rule)
    except examples.Unmet as unmet:
        asked = {name: value for name, value in request.POST.items() if name != "csrfmiddlewaretoken"}
        context = {"failures": unmet.failures, "asked": asked, "path": request.path}
        return render(request, "homes/unmet.html", context, status=409)
    if said:
        messages.success(request, f"{said} {RECALCULATE}")
    return redirect(reverse("homes:rules", query=query))


@rules_at_master
@require_safe
def explain(request: HttpRequest) -> HttpResponse:
    """Show where somebody belongs, rule by rule and field by field."""
    form = ExplainForm(request.GET if "q" in request.GET else None)
    answer = explaining.explain(form.cleaned_data["q"]) if form.is_bound and form.is_valid() else None
    return render(request, "homes/explain.html", {"form": form, "answer": answer})
