"""Addresses of the packages pages."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver

app_name = "packages"
urlpatterns: list[URLPattern | URLResolver] = []
