"""Addresses of the web pages."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from posthouse.web import views

app_name = "web"
urlpatterns: list[URLPattern | URLResolver] = [
    path("health/", views.health_status, name="health"),
    path("server/health/", views.health_page, name="health_page"),
    path("server/configuration/", views.configuration_page, name="configuration"),
]
