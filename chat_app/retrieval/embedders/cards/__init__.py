"""What is known of some checkpoints for embeddings, as data: one file a checkpoint, with its CARD."""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True)
class Card:
    """One embedder.

    passages, questions: repositories of the Hugging Face hub that encode these; one where they are the same.
    pooling: what makes one vector of the tokens' ("cls", "mean" or "max"), where the files do not say.
    sources: where these facts come from.
    """

    name: str
    licence: str
    about: str
    passages: str
    questions: str
    pooling: str
    sources: tuple[str, ...]


def known() -> tuple[Card, ...]:
    """The card of every file in this folder, by name."""
    return tuple(import_module(f"{__name__}.{each.name}").CARD for each in pkgutil.iter_modules(__path__))


def card(name: str) -> Card | None:
    return next((each for each in known() if each.name == name), None)
