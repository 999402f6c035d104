"""How much one package may hold."""

from __future__ import annotations

FILES = 50_000
RECIPIENTS = 10_000
COPIED = 100
"""People who are told of one event of a package."""
TITLE = 200
"""Characters."""
NOTE = 20_000
"""Characters."""
PASSWORD = 256
"""Characters."""
KEY = 64
"""Characters of the name that a client gives to its call."""
PATH = 1024
"""Characters of a file's name with its folders."""
COMPONENT = 255
"""Bytes in UTF-8 of each part of a path: more than that no common file system takes."""
SIZE = 2**53 - 1
"""Bytes of all files: the largest number that every JSON reader holds exactly."""
