"""Where other servers bring their dispatches."""

from __future__ import annotations

from django.urls import path

from posthouse.dispatches import inbox

app_name = "dispatches"
urlpatterns = [path("", inbox.receive, name="receive")]
