"""Posthouse: large packages of files, delivered between servers that share one user domain."""

from __future__ import annotations

__version__ = "0.1.0"
