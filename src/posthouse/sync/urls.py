"""Addresses of the sync pages."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver

app_name = "sync"
urlpatterns: list[URLPattern | URLResolver] = []
