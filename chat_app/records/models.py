"""Who spoke, as a frozen record."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelId:
    """Which model spoke: its card's name, the hash of its weights, and the adapter it spoke with, if any.

    dtype: how its weights were held ("nf4"), where that is known.
    """

    name: str
    sha256: str
    label: str = ""
    adapter: str = ""
    dtype: str = ""

    @property
    def speaker(self) -> str:
        """Who spoke, for people: the model, with its adapter."""
        return f"{self.name} with {self.adapter}" if self.adapter else self.name
