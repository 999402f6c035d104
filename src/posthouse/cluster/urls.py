"""Addresses of the cluster pages, and of what other servers call."""

from __future__ import annotations

from django.urls import path

from posthouse.cluster import endpoints

app_name = "cluster"
urlpatterns = [
    path("cluster/identity", endpoints.identity, name="identity"),
    path("cluster/test", endpoints.test, name="answer_test"),
]
