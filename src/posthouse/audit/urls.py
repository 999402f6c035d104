"""Addresses of the audit log."""

from __future__ import annotations

from django.urls import path

from posthouse.audit import pages

app_name = "audit"
urlpatterns = [
    path("server/audit/", pages.index, name="log"),
    path("server/audit/events.csv", pages.export, name="export"),
    path("server/configuration/audit/", pages.retention, name="retention"),
]
