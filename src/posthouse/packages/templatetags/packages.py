"""Template tags of the packages pages."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from posthouse.accounts.encryption import EncryptionRule
from posthouse.packages.models import Delivery, Package
from posthouse.web.templatetags.posthouse import status

register = template.Library()

KINDS = {
    Package.Status.UPLOADING: "busy",
    Package.Status.RELAYING: "busy",
    Package.Status.COMPLETE: "ok",
    Package.Status.ERROR: "error",
}


@register.simple_tag
def package_status(package: Package, relayed: object = False) -> SafeString:
    """Show the status of a package; it is a link to its relays if it goes, or went, to other servers (R59)."""
    kind = "off" if package.ended_at else KINDS[Package.Status(package.status)]
    badge = status(kind, shown_status(package))
    if not relayed or package.closed_at is None:
        return badge
    return format_html(
        '<a class="state-link" href="{}" title="The relays of this package">{}</a>',
        reverse("relays:package", args=[package.pk]),
        badge,
    )


def shown_status(package: Package) -> str:
    """Return the status of a package in a word; of one that has ended, how."""
    return str(package.get_end_display() if package.ended_at else package.get_status_display())


@register.simple_tag
def receipt(delivery: Delivery, package: Package) -> SafeString:
    """Show how much of a package a recipient has fetched, and whether he has deleted it for himself."""
    then = ", then deleted" if delivery.hidden_at is not None else ""
    if delivery.fetched_at is not None:
        return status("ok", f"Downloaded{then}")
    if delivery.first_fetched_at is not None:
        return status("wait", f"{delivery.fetched_files:,} of {package.file_count:,} files downloaded{then}")
    return status("off", "Deleted, not downloaded" if then else "Not downloaded")


@register.inclusion_tag("packages/encryption.html")
def encryption() -> dict[str, Any]:
    """Show the choice to encrypt, as far as the rule of the cluster leaves one."""
    return {"rule": EncryptionRule.in_force()}
