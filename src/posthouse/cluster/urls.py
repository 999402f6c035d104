"""Addresses of the cluster pages, and of what other servers call."""

from __future__ import annotations

from django.urls import path

from posthouse.cluster import endpoints, key_pages, pages

app_name = "cluster"
urlpatterns = [
    path("cluster/identity", endpoints.identity, name="identity"),
    path("cluster/keys", endpoints.news_of_keys, name="news_of_keys"),
    path("cluster/test", endpoints.test, name="answer_test"),
    path("server/multi-server/convert/", pages.convert, name="convert"),
    path("server/multi-server/new/", pages.add, name="add"),
    path("server/multi-server/keys/", key_pages.index, name="keys"),
    path("server/multi-server/reset/", pages.reset, name="reset"),
    path("server/multi-server/<uuid:server_id>/", pages.edit, name="edit"),
    path("server/multi-server/<uuid:server_id>/test/", pages.test, name="test"),
    path("server/multi-server/<uuid:server_id>/remove/", pages.remove, name="remove"),
]
