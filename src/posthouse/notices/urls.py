"""Addresses of the pages about outgoing mail."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from posthouse.notices import mailserver_pages, views, wording_pages

app_name = "notices"
urlpatterns: list[URLPattern | URLResolver] = [
    path("server/mail/", views.index, name="mails"),
    path("server/mail/test/", views.test, name="test"),
    path("server/mail/<uuid:mail_id>/", views.mail, name="mail"),
    path("server/mail/<uuid:mail_id>/retry/", views.retry, name="retry"),
    path("server/configuration/mails/", wording_pages.index, name="wordings"),
    path("server/configuration/mails/<slug:name>/", wording_pages.edit, name="wording"),
    path("server/configuration/mail-server/", mailserver_pages.server, name="server"),
]
