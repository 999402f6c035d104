"""Where people outside, who have no account, send and receive (R40-R42, M9).

Rules look at recipients only. Somebody outside who sends was invited by a user, and what he sends is that user's own
package: it goes up to the server of the inviter, and no rule is asked. So there is nothing here about senders.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from posthouse.homes import ruleset
from posthouse.homes.engine import Person


def homes_of_external(emails: Iterable[str]) -> dict[str, UUID | None]:
    """Return the ids of the servers that the external rules give e-mail addresses, on the master and on slaves.

    None: no external rule matches. Then recipients download from the sender's home server.
    """
    engine = ruleset.in_force().external
    return {email: engine.decide(Person(email)).home for email in emails}
