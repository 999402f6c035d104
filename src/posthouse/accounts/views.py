"""Log-in, one's own profile, and the administrators' pages about people."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from csp.decorators import csp_replace
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from posthouse.accounts import access, entry, handover, own, people
from posthouse.accounts.forms import LoginForm, NameForm, PasswordForm, PersonForm, PreferencesForm
from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.licensing import seats
from posthouse.web.access import administrator_required
from posthouse.web.paging import page

form_methods = require_http_methods(["GET", "HEAD", "POST"])


class Login(LoginView):
    """Let people in; whoever has his home elsewhere is told where, and gets no session here (M1)."""

    template_name = "accounts/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True

    def form_valid(self, form: LoginForm) -> HttpResponse:  # type: ignore[override]  # ours is the form above
        """Log in whoever lives here."""
        home = access.elsewhere(form.get_user())
        if home is None:
            return _let_in(self.request, form.get_user(), self.get_success_url())
        return _elsewhere(self.request, form.get_user(), home, self.get_redirect_url())


def _let_in(request: HttpRequest, user: User, goal: str) -> HttpResponse:
    """Begin somebody's session and lead him to a page; say so when all seats are taken (D2)."""
    try:
        entry.enter(request, user)
    except seats.Full as full:
        return render(request, "accounts/full.html", {"reason": str(full)}, status=403)
    return redirect(goal)


def _elsewhere(request: HttpRequest, user: User, home: Server, goal: str) -> HttpResponse:
    """Show the way to a user's home server, where he is logged in without typing his password again (D3)."""
    context = {
        "home": home,
        "letter": handover.give(user, home, goal),
        "arrive": servers.page(home, "accounts:arrive"),
        "url": servers.page(home, "accounts:login"),
    }

    # The only page with a form that goes to another server, and to that server only.
    @csp_replace({"form-action": [home.origin]})
    def page(request: HttpRequest) -> HttpResponse:
        response = render(request, "accounts/elsewhere.html", context, status=403)
        # The home server wants to see where the form stood: by the policy of all other pages, browsers do not tell.
        response.headers["Referrer-Policy"] = "strict-origin"
        return response

    return cast(HttpResponse, page(request))


@csrf_exempt  # the module handover says why, and what it does instead
@never_cache
@sensitive_post_parameters()
@form_methods
def arrive(request: HttpRequest) -> HttpResponse:
    """Log in whom another server of the cluster hands over (D3)."""
    if request.method != "POST":  # an address from the history
        return redirect("accounts:login")
    try:
        arrival = handover.take(request.POST.get("letter", ""), request.headers.get("Origin", ""))
    except handover.Refused as refusal:
        return render(request, "accounts/not_let_in.html", {"reason": str(refusal)}, status=403)
    return _let_in(request, arrival.user, arrival.goal or settings.LOGIN_REDIRECT_URL)


@administrator_required
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """List people, found by the start of their names."""
    text = request.GET.get("q", "").replace("\0", "")
    context = {"page": page(request, people.matching(text)), "q": text}
    return render(request, "accounts/list.html", context | _keeper(None, "accounts:list"))


@administrator_required
@sensitive_post_parameters("password")
@form_methods
def new(request: HttpRequest) -> HttpResponse:
    """Make a person."""
    kept = _keeper(None, "accounts:new")
    if kept:
        return render(request, "accounts/at_master.html", kept, status=403)
    form = PersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and form.keep(str(request.user)):
        messages.success(request, f"The account of {form.instance} was made.")
        return redirect("accounts:list")
    return render(request, "accounts/new.html", {"form": form})


@administrator_required
@sensitive_post_parameters("password")
@form_methods
def edit(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """Change a person."""
    person = get_object_or_404(User.objects.present().select_related("home"), pk=user_id)
    kept = _keeper(person, "accounts:edit", user_id)
    if kept:
        status = 403 if request.method == "POST" else 200
        return render(request, "accounts/person.html", {"person": person} | kept, status=status)
    title = str(person)  # the form writes into the person, also what it then refuses
    form = PersonForm(request.POST or None, instance=person)
    if request.method == "POST" and form.is_valid() and form.keep(str(request.user)):
        if person == request.user:
            update_session_auth_hash(request, person)
        messages.success(request, f"The account of {person} was changed.")
        return redirect("accounts:list")
    return render(request, "accounts/edit.html", {"form": form, "person": person, "title": title})


@login_required
@sensitive_post_parameters()
@form_methods
def me(request: HttpRequest) -> HttpResponse:
    """Show one's own account, and change one's name or password."""
    person = User.objects.select_related("home").get(pk=cast(User, request.user).pk)
    there = own.where(person)
    if there:
        url = None if there.is_self else servers.page(there, "accounts:me")
        context = {"person": person, "there": there, "there_url": url}
        return render(request, "accounts/me.html", context, status=403 if request.method == "POST" else 200)
    change = request.POST.get("change")
    if person.directory is not None and request.method == "POST" and change != "preferences":
        raise PermissionDenied(own.FROM_DIRECTORY)
    name = NameForm(person, request.POST if change == "name" else None)
    wishes = PreferencesForm(person, request.POST if change == "preferences" else None)
    password = PasswordForm(person, None if change in {"name", "preferences"} else request.POST or None)
    if name.is_valid() and name.keep():
        messages.success(request, "Your name was changed.")
        return redirect("accounts:me")
    if wishes.is_valid() and wishes.keep():
        messages.success(request, "Your preferences were changed.")
        return redirect("accounts:me")
    if password.is_valid() and password.keep():
        update_session_auth_hash(request, person)  # this session goes on, all others of this person end
        messages.success(request, "Your password was changed. You stay logged in here and nowhere else.")
        return redirect("accounts:me")
    forms = {"name": name, "password": password, "preferences": wishes}
    return render(request, "accounts/me.html", {"person": person} | forms)


def _keeper(user: User | None, name: str, *args: UUID) -> dict[str, object]:
    """Return the server that keeps the accounts, and its page of this name, when it is not this one (M3)."""
    keeper = access.keeper(user)
    if keeper is None:
        return {}
    return {"keeper": keeper, "keeper_url": None if keeper.is_self else servers.page(keeper, name, *args)}
