"""Addresses of the pages about outgoing mail."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from posthouse.notices import views

app_name = "notices"
urlpatterns: list[URLPattern | URLResolver] = [
    path("server/mail/", views.index, name="mails"),
    path("server/mail/test/", views.test, name="test"),
    path("server/mail/<uuid:mail_id>/", views.mail, name="mail"),
    path("server/mail/<uuid:mail_id>/retry/", views.retry, name="retry"),
]
