"""What the apps above are told, inside the transaction that makes it true. The sender is always Server."""

from __future__ import annotations

from django.dispatch import Signal

server_added = Signal()
"""On the master: `server` is a slave now."""

server_removed = Signal()
"""On the master: `server` is no longer part of the cluster."""

converted = Signal()
"""On a new slave: this server, `this`, is a slave of `master` now. A receiver may raise pairing.PairingRefused."""

was_reset = Signal()
"""On a former slave: this server, `this`, stands alone again; `left` are the servers that it no longer knows."""

server_called = Signal()
"""Another server, `caller`, made a call here, which its signature proves. Sent for each call, so be quick, and outside
any transaction."""
