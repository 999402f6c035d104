"""Addresses of the relays pages."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver

app_name = "relays"
urlpatterns: list[URLPattern | URLResolver] = []
