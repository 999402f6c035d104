"""Going on after interruptions, for as long as there is hope."""

from __future__ import annotations

import time

from urllib3.exceptions import HTTPError

from posthouse.cli.browser import ClientError

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 4.0
# The server cannot answer now, or another connection still holds what is asked for: worth another try.
PASSING = {408, 409, 423, 425, 429, 460, 500, 502, 503, 504}


class Patience:
    """Waits between tries, longer and longer, until nothing was gained for so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.gained()

    def gained(self) -> None:
        """Note that it went on."""
        self._since = time.monotonic()
        self._pause = FIRST_PAUSE

    def wait(self, error: HTTPError | OSError | ClientError) -> None:
        """Wait before the next try. Raises the error when that would not help, and when patience has ended."""
        if isinstance(error, ClientError) and error.status not in PASSING:
            raise error
        if time.monotonic() - self._since > self._seconds:
            raise error
        time.sleep(self._pause)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
