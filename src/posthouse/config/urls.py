"""Where each app's pages lie, all of them under the URL namespace."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

pages: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="packages:received"), name="front"),
    path("", include("posthouse.web.urls")),
    path("", include("posthouse.audit.urls")),
    path("", include("posthouse.licensing.urls")),
    path("", include("posthouse.accounts.urls")),
    path("", include("posthouse.notices.urls")),
    path("", include("posthouse.directory.urls")),
    path("contacts/", include("posthouse.contacts.urls")),
    path("packages/", include("posthouse.packages.urls")),
    path("", include("posthouse.outside.urls")),
    path("relays/", include("posthouse.relays.urls")),
    path("dispatches/", include("posthouse.dispatches.urls")),
    path("", include("posthouse.cluster.urls")),
    path("", include("posthouse.homes.urls")),
    path("", include("posthouse.sync.urls")),
]

prefix = settings.POSTHOUSE.prefix
urlpatterns: list[URLPattern | URLResolver] = [path(f"{prefix.lstrip('/')}/" if prefix else "", include(pages))]
if prefix:
    urlpatterns.append(path("", RedirectView.as_view(url=f"{prefix}/")))

handler400 = "posthouse.web.errors.bad_request"
handler403 = "posthouse.web.errors.forbidden"
handler404 = "posthouse.web.errors.not_found"
handler500 = "posthouse.web.errors.server_error"
