"""Addresses of the packages pages."""

from __future__ import annotations

from django.urls import path

from posthouse.packages.views import actions, fetching, lists, new, page, people, policy

app_name = "packages"
urlpatterns = [
    path("new", new.new, name="new"),
    path("people", people.complete, name="recipients"),
    path("people/named", people.resolve, name="resolve"),
    path("people/where", people.where, name="where"),
    path("received", lists.received, name="received"),
    path("sent", lists.sent, name="sent"),
    path("archive", lists.archive, name="archive"),
    path("all", lists.everything, name="all"),
    path("decrypted/worker.js", fetching.worker, name="worker"),
    path("policy", policy.policy, name="policy"),
    path("<uuid:package_id>", page.detail, name="detail"),
    path("<uuid:package_id>/recipients", page.people, name="people"),
    path("<uuid:package_id>/contents", fetching.contents, name="contents"),
    path("<uuid:package_id>/upload", new.upload, name="upload"),
    path("<uuid:package_id>/discard", new.discard, name="discard"),
    path("<uuid:package_id>/forward", new.forward, name="forward"),
    path("<uuid:package_id>/release", actions.release, name="release"),
    path("<uuid:package_id>/expiry", actions.expiry, name="expiry"),
    path("<uuid:package_id>/end/<str:how>", actions.end, name="end"),
    path("<uuid:package_id>/put/<str:place>", actions.put, name="put"),
]
