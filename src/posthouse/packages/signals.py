"""What happens to packages, told to the rooms above. Every signal is sent inside the transaction that makes it true."""

from __future__ import annotations

from django.dispatch import Signal

package_closed = Signal()
"""The last byte is in the store and each recipient's home is settled (package=Package). Relays answer it."""

package_arrived = Signal()
"""Residents of this server can fetch the package now (package=Package). Its recipients are told."""

package_received = Signal()
"""At the sender's server: every recipient can fetch the package at his home server (package=Package). It may be sent
more than once for a package."""

package_given_up = Signal()
"""An upload was discarded, or nobody went on with it (package=Package). Transfers may clear away what came of it."""

package_ended = Signal()
"""Nobody can fetch the package any more: it has expired, was recalled or deleted (package=Package). Relays on the way
end, and at the sender's server the other servers are told."""

package_fetched = Signal()
"""A recipient who lives here has fetched something of it for the first time, or now all of it (delivery=Delivery,
whole=bool). The sender's server is told."""

package_hidden = Signal()
"""A recipient who lives here has deleted the package for himself (delivery=Delivery). The sender's server is told."""

terms_changed = Signal()
"""At the sender's server, the release or the expiry of a package was changed (package=Package)."""
