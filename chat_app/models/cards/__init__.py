"""What is known of each model, as data: one file a model, its name the file's name, with CARD and load().

A card says how the model must be fed and what may be said of it; no weights are read here.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from chat_app.errors import SetupError
from chat_app.records import Contract

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from chat_app.records import ModelId
    from chat_app.settings import Settings

Say = Callable[[str], None]


@dataclass(frozen=True)
class Card:
    """One model.

    label: what it calls itself wherever it speaks. image_tokens: tokens one picture takes. taught: it was
    trained on the questions of the report templates word for word and needs no instructions around them.
    """

    name: str
    label: str
    licence: str
    about: str
    contract: Contract
    image_tokens: int
    taught: bool = False


def known() -> tuple[Card, ...]:
    """The card of every model in this folder, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return tuple(import_module(f"{__name__}.{name}").CARD for name in names)


def card(name: str) -> Card:
    """The card of that name.

    Raises:
        SetupError: there is none.
    """
    for each in known():
        if each.name == name:
            return each
    raise SetupError(f"There is no model called {name!r}; known are {', '.join(c.name for c in known())}.")


def load(name: str, settings: Settings, say: Say) -> tuple[BaseChatModel, ModelId]:
    """The model itself, its weights in memory, and which weights they are; `say` is told how far it is."""
    chosen = card(name)
    loaded: tuple[BaseChatModel, ModelId] = import_module(f"{__name__}.{chosen.name}").load(settings, say)
    return loaded
