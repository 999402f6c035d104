"""Addresses of the sync pages, and of what the master asks of slaves."""

from __future__ import annotations

from django.urls import path

from posthouse.sync import configuring, decisions, endpoints, pages

app_name = "sync"
urlpatterns = [
    path("sync/state", endpoints.state, name="state"),
    path("sync/buckets", endpoints.buckets, name="buckets"),
    path("sync/accounts", endpoints.accounts, name="accounts"),
    path("sync/batch", endpoints.batch, name="batch"),
    path("sync/finish", endpoints.finish, name="finish"),
    path("server/multi-server/", pages.index, name="servers"),
    path("server/multi-server/history/", pages.history, name="history"),
    path("server/multi-server/<uuid:server_id>/sync/", pages.sync, name="sync"),
    path("server/multi-server/<uuid:server_id>/status/", pages.status, name="status"),
    path("server/multi-server/<uuid:server_id>/decide/", decisions.hold, name="hold"),
    path("server/multi-server/<uuid:server_id>/decide/accounts.csv", decisions.export, name="hold_export"),
    path("server/configuration/sync/", configuring.configure, name="configure"),
]
