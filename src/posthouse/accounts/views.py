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
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from posthouse.accounts import access, entry, handover, lockout, own, people, resets, signals
from posthouse.accounts.forms import LoginForm, NameForm, PasswordForm, PersonForm, PreferencesForm
from posthouse.accounts.models import User
from posthouse.accounts.security import SignIn
from posthouse.accounts.sessions import PASSWORD_IS_OLD
from posthouse.audit import log as audit
from posthouse.audit import search
from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.licensing import seats
from posthouse.web.access import address_of, administrator_required
from posthouse.web.paging import page

EVENTS = 10
"""Events that the page of a person shows."""
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


def _let_in(request: HttpRequest, user: User, goal: str, text: str = "Logged in.") -> HttpResponse:
    """Begin somebody's session and lead him to a page; say so when all seats are taken (D2)."""
    try:
        entry.enter(request, user, text)
    except seats.Full as full:
        audit.record(audit.who(request), "login.refused", f"A log-in of {user} was refused: no seat is free.", user)
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
    if not SignIn.in_force().lets_in(address_of(request), administrator=False):
        reason = LoginForm.network.format(address_of(request))
        return render(request, "accounts/not_let_in.html", {"reason": reason}, status=403)
    goal = arrival.goal or settings.LOGIN_REDIRECT_URL
    return _let_in(request, arrival.user, goal, f"Logged in, handed over by {arrival.writer}.")


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
    if request.method == "POST" and form.is_valid() and _kept(request, form, "account.made"):
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
        return render(request, "accounts/person.html", _known(person) | kept, status=status)
    title = str(person)  # the form writes into the person, also what it then refuses
    form = PersonForm(request.POST or None, instance=person)
    if request.method == "POST" and form.is_valid() and _kept(request, form, "account.changed"):
        if person == request.user:
            update_session_auth_hash(request, person)
        messages.success(request, f"The account of {person} was changed.")
        return redirect("accounts:list")
    context = {"form": form, "title": title, **_known(person)}
    return render(request, "accounts/edit.html", context)


def _known(person: User) -> dict[str, object]:
    """Return what the page of a person shows beside the account itself."""
    events = search.find(search.Wish(account=person.pk), None, EVENTS).events
    return {"person": person, "locked_until": lockout.until(person.login), "events": events}


def _kept(request: HttpRequest, form: PersonForm, action: str) -> bool:
    """Write what an administrator has typed about a person, and into the audit log what that changed."""
    told = form.told()
    with transaction.atomic():
        kept = form.keep(str(request.user))
        if kept:
            text = f"The account of {form.instance} was {action.partition('.')[2]}{f': {told}' if told else ''}."
            audit.record(audit.who(request), action, text, form.instance)
            if action == "account.made":
                _welcome(form.instance, has_password=bool(form.cleaned_data.get("password")))
    return kept


def _welcome(person: User, *, has_password: bool) -> None:
    """Have somebody told that he has an account, with a link to choose his password if he has none."""
    if has_password:
        signals.account_made.send(User, user=person)
    else:
        resets.give(person, "welcome")


@administrator_required
@require_POST
def unlock(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """Let somebody who was locked out try again at once."""
    person = get_object_or_404(User.objects.present(), pk=user_id)
    with transaction.atomic():
        if lockout.unlock(person.login):
            audit.record(audit.who(request), "account.unlocked", f"The account of {person} was unlocked.", person)
    messages.success(request, f"{person} can log in again.")
    return redirect("accounts:edit", user_id)


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
        audit.record(audit.who(request), "account.name", f"{person} has given himself this name.", person)
        messages.success(request, "Your name was changed.")
        return redirect("accounts:me")
    if wishes.is_valid() and wishes.keep():
        messages.success(request, "Your preferences were changed.")
        return redirect("accounts:me")
    if password.is_valid() and _is_looked_at(request, person, password) and password.keep():
        lockout.succeeded(person.login, address_of(request))
        request.session.pop(PASSWORD_IS_OLD, None)
        audit.record(audit.who(request), "account.password", f"{person} has changed his password.", person)
        update_session_auth_hash(request, person)  # this session goes on, all others of this person end
        messages.success(request, "Your password was changed. You stay logged in here and nowhere else.")
        return redirect("accounts:me")
    if password.has_error(NON_FIELD_ERRORS, own.NOT_ASKED):
        # People go on without the master, for as long as it takes; they are asked again at the next log-in.
        request.session.pop(PASSWORD_IS_OLD, None)
    forms = {"name": name, "password": password, "preferences": wishes}
    old = request.session.get(PASSWORD_IS_OLD)
    return render(request, "accounts/me.html", {"person": person, "old": old} | forms)


def _is_looked_at(request: HttpRequest, person: User, form: PasswordForm) -> bool:
    """Count the present password that was typed as a try, and return whether it is looked at at all."""
    try:
        lockout.begin(person.login, address_of(request))
    except lockout.Locked:
        form.add_error("present", "Too many wrong passwords were typed. Try again in a while.")
        return False
    return True


def _keeper(user: User | None, name: str, *args: UUID) -> dict[str, object]:
    """Return the server that keeps the accounts, and its page of this name, when it is not this one (M3)."""
    keeper = access.keeper(user)
    if keeper is None:
        return {}
    return {"keeper": keeper, "keeper_url": None if keeper.is_self else servers.page(keeper, name, *args)}
