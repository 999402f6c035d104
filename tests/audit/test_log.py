"""What people do is written down with who, what, when and from where."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory

from posthouse.accounts.models import User
from posthouse.audit import log
from posthouse.audit.models import Event
from posthouse.cluster.models import Server


def test_an_event_names_actor_address_and_subject(admin: User, tokyo: Server) -> None:
    request = RequestFactory().post("/", REMOTE_ADDR="192.0.2.7")
    request.user = admin
    log.record(log.who(request), "server.removed", "tokyo was removed.", tokyo)
    event = Event.objects.get()
    assert (event.actor_id, event.actor, event.address) == (admin.pk, "Admin", "192.0.2.7")
    assert (event.subject_kind, event.subject_id) == ("server", tokyo.pk)


def test_a_visitor_is_told_by_his_address(db: None) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR="2001:db8::7")
    request.user = AnonymousUser()
    assert log.who(request) == log.Who("visitor", None, "2001:db8::7")


def test_the_command_line_and_the_server_have_names(db: None) -> None:
    log.record(log.COMMAND_LINE, "licence.installed", "A licence was installed.")
    event = Event.objects.get()
    assert (event.actor, event.actor_id, event.subject_id) == ("command line", None, None)
