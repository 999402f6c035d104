"""Addresses of the pages about home servers."""

from __future__ import annotations

from django.urls import path

from posthouse.homes import pages, person, recalculation

app_name = "homes"
urlpatterns = [
    path("server/multi-server/rules/", pages.rules, name="rules"),
    path("server/multi-server/rules/default/", pages.default, name="default"),
    path("server/multi-server/rules/new/", pages.new, name="new"),
    path("server/multi-server/rules/explain/", pages.explain, name="explain"),
    path("server/multi-server/rules/recalculate/", recalculation.recalculate, name="recalculate"),
    path("server/multi-server/rules/recalculate/act/", recalculation.act, name="act"),
    path("server/multi-server/rules/recalculate/<uuid:run_id>/", recalculation.progress, name="progress"),
    path("server/multi-server/rules/recalculate/<uuid:run_id>/moves.csv", recalculation.export, name="export"),
    path("server/multi-server/rules/<uuid:rule_id>/", pages.edit, name="edit"),
    path("server/multi-server/rules/<uuid:rule_id>/delete/", pages.delete, name="delete"),
    path("server/multi-server/rules/<uuid:rule_id>/move/", pages.move, name="move"),
    path("accounts/home/", person.choose, name="choose"),
]
