"""Addresses of the packages pages."""

from __future__ import annotations

from django.urls import path

from posthouse.packages.views import lists, new, page

app_name = "packages"
urlpatterns = [
    path("new", new.new, name="new"),
    path("people", new.recipients, name="recipients"),
    path("received", lists.received, name="received"),
    path("sent", lists.sent, name="sent"),
    path("all", lists.everything, name="all"),
    path("<uuid:package_id>", page.detail, name="detail"),
    path("<uuid:package_id>/recipients", page.people, name="people"),
    path("<uuid:package_id>/upload", new.upload, name="upload"),
    path("<uuid:package_id>/discard", new.discard, name="discard"),
]
