"""Addresses of the licence page."""

from __future__ import annotations

from django.urls import path

from posthouse.licensing import pages

app_name = "licensing"
urlpatterns = [
    path("server/configuration/licence/", pages.licence, name="licence"),
]
