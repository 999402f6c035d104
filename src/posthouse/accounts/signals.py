"""What happens to people, told to the rooms above. Every signal is sent inside the transaction that makes it true."""

from __future__ import annotations

from django.dispatch import Signal

people_changed = Signal()
"""Accounts were made, or something that rules may read has changed on them (ids=set[UUID]): names, addresses, what a
directory says; or their home servers are set by hand, or by rule again (by=who did that, for the log). Sent on the
server that keeps the accounts, once for many of them. Homes places them anew."""

password_link_made = Signal()
"""A link was made by which somebody chooses his password (link=PasswordLink, secret=str). Notices sends it."""

account_made = Signal()
"""An administrator has made an account that has a password already (user=User). Notices welcomes its owner."""
