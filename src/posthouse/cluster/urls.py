"""Addresses of the cluster pages."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver

app_name = "cluster"
urlpatterns: list[URLPattern | URLResolver] = []
