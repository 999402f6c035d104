"""Addresses of the directories' pages, and of what slaves ask of the master."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from posthouse.directory import endpoints, pages

app_name = "directory"
urlpatterns: list[URLPattern | URLResolver] = [
    path("directory/check", endpoints.check, name="check"),
    path("directory/names", endpoints.names, name="names"),
    path("server/directories/", pages.index, name="list"),
    path("server/directories/new/", pages.new, name="new"),
    path("server/directories/<uuid:connection_id>/", pages.show, name="show"),
    path("server/directories/<uuid:connection_id>/edit/", pages.edit, name="edit"),
    path("server/directories/<uuid:connection_id>/remove/", pages.remove, name="remove"),
    path("server/directories/<uuid:connection_id>/test/", pages.test, name="test"),
    path("server/directories/<uuid:connection_id>/start/", pages.start, name="start"),
    path("server/directories/<uuid:connection_id>/progress/", pages.progress, name="progress"),
    path("server/directories/<uuid:connection_id>/history/", pages.history, name="history"),
    path("server/directories/<uuid:connection_id>/allow/", pages.allow, name="allow"),
    path("server/directories/<uuid:connection_id>/not-imported/", pages.conflicts, name="conflicts"),
    path("server/directories/<uuid:connection_id>/runs/<uuid:run_id>/", pages.preview, name="preview"),
    path("server/directories/<uuid:connection_id>/runs/<uuid:run_id>/cancel/", pages.cancel, name="cancel"),
]
