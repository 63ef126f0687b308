"""Numbers and nouns in sentences."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """How many of something: ``1 trial``, ``2 trials``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
