"""Addresses of the accounts pages."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import URLPattern, URLResolver, path

from posthouse.accounts import (
    copy_pages,
    endpoints,
    membership_endpoint,
    reset_pages,
    rights_pages,
    security_pages,
    views,
    workgroup_pages,
)

app_name = "accounts"
urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", views.Login.as_view(), name="login"),
    path("login/hand-over/", views.arrive, name="arrive"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("login/forgotten/", reset_pages.forgot, name="forgot"),
    path("login/choose/<str:secret>/", reset_pages.choose, name="choose"),
    path("profile/", views.me, name="me"),
    path("accounts/", views.index, name="list"),
    path("accounts/new/", views.new, name="new"),
    path("accounts/overwritten/", copy_pages.overwritten, name="overwritten"),
    path("accounts/export/", copy_pages.export, name="export"),
    path("accounts/restore/", copy_pages.restore, name="restore"),
    path("accounts/standard/", rights_pages.standard, name="standard"),
    path("accounts/<uuid:user_id>/rights/", rights_pages.person, name="rights"),
    path("accounts/own", endpoints.own_change, name="own"),
    path("accounts/forgot", endpoints.forgot, name="ask-link"),
    path("accounts/choose", endpoints.choose, name="use-link"),
    path("accounts/members", membership_endpoint.change, name="members_change"),
    path("workgroups/", workgroup_pages.index, name="workgroups"),
    path("workgroups/new", workgroup_pages.edit, name="new_workgroup"),
    path("workgroups/<uuid:group_id>/", workgroup_pages.one, name="workgroup"),
    path("workgroups/<uuid:group_id>/edit", workgroup_pages.edit, name="edit_workgroup"),
    path("workgroups/<uuid:group_id>/delete", workgroup_pages.delete, name="delete_workgroup"),
    path("workgroups/<uuid:group_id>/lead/<uuid:user_id>", workgroup_pages.lead, name="lead"),
    path("accounts/<uuid:user_id>/", views.edit, name="edit"),
    path("accounts/<uuid:user_id>/unlock/", views.unlock, name="unlock"),
    path("server/configuration/security/", security_pages.security, name="security"),
]
