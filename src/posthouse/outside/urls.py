"""Addresses for people without an account, and of the pages about them."""

from __future__ import annotations

from django.urls import path

from posthouse.outside import views

app_name = "outside"
urlpatterns = [
    path("link/<str:secret>", views.open_link, name="open"),
    path("visit/<uuid:link_id>", views.package, name="package"),
    path("packages/<uuid:package_id>/link/<uuid:delivery_id>", views.again, name="again"),
    path("server/configuration/outside", views.policy, name="policy"),
]
