"""Addresses of the relays pages."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from posthouse.relays import knock, transfers_page, views

app_name = "relays"
urlpatterns: list[URLPattern | URLResolver] = [
    path("transfers", transfers_page.transfers, name="transfers"),
    path("transfers/rate", transfers_page.rate, name="rate"),
    path("back", knock.back, name="back"),
    path("<uuid:package_id>/", views.package, name="package"),
    path("<uuid:relay_id>/retry", views.retry, name="retry"),
    path("<uuid:relay_id>/cancel", views.cancel, name="cancel"),
]
