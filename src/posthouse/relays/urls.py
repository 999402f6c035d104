"""Addresses of the relays pages."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from posthouse.relays import knock, pages, transfers_page, views, wanted

app_name = "relays"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", pages.index, name="index"),
    path("history", pages.history, name="history"),
    path("links/<uuid:server_id>/retry", pages.retry_link, name="retry_link"),
    path("links/<uuid:server_id>/hold", pages.hold_link, name="hold_link"),
    path("links/<uuid:server_id>/release", pages.release_link, name="release_link"),
    path("links/<uuid:server_id>/cancel", pages.cancel_link, name="cancel_link"),
    path("transfers", transfers_page.transfers, name="transfers"),
    path("transfers/rate", transfers_page.rate, name="rate"),
    path("back", knock.back, name="back"),
    path("wanted", wanted.wanted, name="wanted"),
    path("<uuid:package_id>/", views.package, name="package"),
    path("<uuid:package_id>/priority", views.prioritise, name="prioritise"),
    path("<uuid:relay_id>/retry", views.retry, name="retry"),
    path("<uuid:relay_id>/cancel", views.cancel, name="cancel"),
    path("<uuid:relay_id>/hold", views.hold, name="hold"),
    path("<uuid:relay_id>/release", views.release, name="release"),
]
