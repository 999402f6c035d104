"""Before a sync does anything: whether the master may send at all, and whether too many accounts would vanish."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from posthouse.accounts.models import Guard
from posthouse.cluster.errors import NotPosthouse
from posthouse.cluster.models import Server
from posthouse.sync import comparing, holds
from posthouse.sync.comparing import Difference, Listed
from posthouse.sync.models import Copy, Hold

Call = Callable[..., dict[str, Any]]
ANSWER_LIMIT = 32 * 1024 * 1024


class Guarding:
    """The guard of one run. Its methods raise Held when an administrator must decide first."""

    def __init__(self, server: Server, call: Call) -> None:
        self.server = server
        self.call = call

    def removals(self, removals: int) -> None:
        """Look closer when of the changes to be sent so many are removals that too many accounts may vanish."""
        guard = Guard.in_force()
        if removals >= guard.minimum and not self._is_first() and guard.stops(removals, self._count()):
            self.everything()

    def everything(self) -> None:
        """Lay all accounts of both beside one another."""
        if not self._is_first():
            self._check(comparing.compare(self._behind))

    def buckets(self, pieces: Sequence[Sequence[str]]) -> None:
        """Lay the accounts in those buckets beside one another: all others are equal."""
        if pieces and not self._is_first():
            found = comparing.compare_buckets(pieces, self._in_buckets)
            if len(found.vanishing) >= Guard.in_force().minimum:
                found.present = self._count()
                self._check(found)

    def history(self, mark: UUID | None) -> None:
        """Stop, because the slave was told a mark that is not known here, unless somebody has approved it."""
        found = comparing.compare(self._behind)
        if not holds.allows(self.server, Hold.Cause.HISTORY, found, mark):
            raise holds.Held(Hold.Cause.HISTORY, holds.history_text(self.server), found, mark)

    def _is_first(self) -> bool:
        """Whether it is the first sync of a slave. That its old accounts go was confirmed when it was converted."""
        return Copy.objects.filter(server=self.server, synced_at=None).exists()

    def _check(self, found: Difference) -> None:
        too_many = Guard.in_force().stops(len(found.vanishing), found.present)
        if too_many and not holds.allows(self.server, Hold.Cause.VANISHING, found, None):
            raise holds.Held(Hold.Cause.VANISHING, holds.vanishing_text(self.server, found), found, None)

    def _count(self) -> int:
        return int(self._ask({}, "count"))

    def _behind(self, after: str) -> Listed:
        return list(self._ask({"after": after}, "accounts"))

    def _in_buckets(self, names: Sequence[str]) -> Listed:
        return list(self._ask({"buckets": list(names)}, "accounts"))

    def _ask(self, content: dict[str, Any], key: str) -> Any:
        answer = self.call("sync/accounts", json=content, limit=ANSWER_LIMIT)
        if not isinstance(answer.get(key), int if key == "count" else list):
            raise NotPosthouse(f"{self.server.name} does not say which accounts it has.")
        return answer[key]
