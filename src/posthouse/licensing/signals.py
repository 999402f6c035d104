"""What happens to licences, told to the rooms above, inside the transaction that makes it true."""

from __future__ import annotations

from django.dispatch import Signal

installed = Signal()
"""A licence was installed: what waited for one may go on. The sender is Licence."""
