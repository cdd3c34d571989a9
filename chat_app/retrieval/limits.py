"""How much of a person's documents is taken, decided before it is read."""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Limits:
    """bytes of one file, pages of one PDF, passages of one corpus."""

    file_bytes: int = 100 * MEGABYTE
    pages: int = 3000
    passages: int = 1_000_000
