"""How a command ends when it cannot do what it was asked."""

from __future__ import annotations


class Stop(Exception):
    """A sentence for the person at the keyboard, and the exit code: 1 it failed, 2 it was asked wrongly."""

    def __init__(self, sentence: str, code: int = 1) -> None:
        super().__init__(sentence)
        self.code = code
