"""Addresses for people without an account, and of the pages about them."""

from __future__ import annotations

from django.urls import path

from posthouse.outside.views import invitations, links

app_name = "outside"
urlpatterns = [
    path("link/<str:secret>", links.open_link, name="open"),
    path("visit/<uuid:link_id>", links.package, name="package"),
    path("visit/<uuid:link_id>/contents", links.contents, name="contents"),
    path("packages/<uuid:package_id>/link/<uuid:delivery_id>", links.again, name="again"),
    path("invitations/", invitations.index, name="invitations"),
    path("invitations/new", invitations.new, name="invite"),
    path("invitations/<uuid:invitation_id>/revoke", invitations.revoke, name="revoke"),
    path("invitation/<str:secret>", invitations.open_invitation, name="invited"),
    path("visit/<uuid:invitation_id>/send", invitations.send, name="send"),
    path("visit/<uuid:invitation_id>/sent/<uuid:package_id>", invitations.sent, name="sent"),
    path("visit/<uuid:invitation_id>/sent/<uuid:package_id>/upload", invitations.upload, name="upload"),
    path("visit/<uuid:invitation_id>/discard/<uuid:package_id>", invitations.discard, name="discard"),
    path("server/configuration/outside", links.policy, name="policy"),
]
