"""Addresses of the address book."""

from __future__ import annotations

from django.urls import path

from posthouse.contacts import list_pages, views

app_name = "contacts"
urlpatterns = [
    path("", views.index, name="index"),
    path("new", views.edit, name="new"),
    path("import", views.take_in, name="import"),
    path("export", views.export, name="export"),
    path("<uuid:contact_id>/", views.edit, name="edit"),
    path("<uuid:contact_id>/delete", views.delete, name="delete"),
    path("lists/", list_pages.index, name="lists"),
    path("lists/new", list_pages.new, name="new_list"),
    path("lists/<uuid:list_id>/", list_pages.one, name="list"),
    path("lists/<uuid:list_id>/remove/<int:member_id>", list_pages.remove, name="remove"),
    path("lists/<uuid:list_id>/delete", list_pages.delete, name="delete_list"),
]
