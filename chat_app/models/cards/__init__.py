"""What is known of each model, as data: one file a model, named after it ("-" is "_" there), with its CARD.

A card says how the model must be fed and what may be said of it; no weights are read here.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from chat_app.errors import SetupError
from chat_app.records import Contract

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from chat_app.records import ModelId
    from chat_app.settings import Settings

Say = Callable[[str], None]

# How the name of a model on a server begins: "openai:NAME@URL".
SERVED = "openai:"


@dataclass(frozen=True)
class Weights:
    """Where a model's files come from, and what they take in memory.

    repo, revision: on the Hugging Face hub. architecture: the class of transformers that holds them.
    linear: parameters in the language model's linear layers, which int8 and NF4 make smaller. rest: all
    others (embeddings, head, vision tower, projector), which stay in 16 bit. kv_bytes: keys and values of
    one token in 16 bit. half: float16 holds its numbers (where not, bfloat16 or float32 is needed).
    gate: page on which its terms are accepted before it can be fetched; "" when anyone may.
    chat: the template of its conversations, where its files have none that takes pictures.
    sources: where these facts come from.
    """

    repo: str
    architecture: str
    linear: int
    rest: int
    kv_bytes: int
    sources: tuple[str, ...]
    revision: str = "main"
    half: bool = True
    gate: str = ""
    chat: str = ""


@dataclass(frozen=True)
class Card:
    """One model.

    label: what it calls itself wherever it speaks. image_tokens: tokens one picture takes. taught: it was
    trained on the questions of the report templates word for word and needs no instructions around them.
    weights: None for a model that brings its files with it or runs elsewhere. host: the machine that the
    conversation is sent to, "" when it stays on this one.
    """

    name: str
    label: str
    licence: str
    about: str
    contract: Contract
    image_tokens: int
    taught: bool = False
    weights: Weights | None = None
    host: str = ""


def known() -> tuple[Card, ...]:
    """The card of every model in this folder, by name."""
    return tuple(_module(module.name).CARD for module in sorted(pkgutil.iter_modules(__path__)))


def card(name: str) -> Card:
    """The card of that name; one of a server for "openai:NAME@URL".

    Raises:
        SetupError: there is none.
    """
    if name.startswith(SERVED):
        served: Card = _servers().card(name)
        return served
    for each in known():
        if each.name == name:
            return each
    raise SetupError(f"There is no model called {name!r}; known are {', '.join(c.name for c in known())}.")


def chosen(settings: Settings) -> Card:
    """The card of the model that the settings name, its context no longer than they allow."""
    found = card(settings.model)
    context = min(settings.context or found.contract.context, found.contract.context)
    return replace(found, contract=replace(found.contract, context=context))


def load(card: Card, settings: Settings, say: Say) -> tuple[BaseChatModel, ModelId]:
    """The card's model, ready to answer, and which weights it has; `say` is told how far it is.

    A card's file has a function `load` of its own where reading the weights with transformers is not enough.

    Raises:
        SetupError: its files are missing or damaged, do not fit here, or its server cannot be reached.
    """
    if card.name.startswith(SERVED):
        served: tuple[BaseChatModel, ModelId] = _servers().load(card, settings, say)
        return served
    own = getattr(_module(card.name.replace("-", "_")), "load", None)
    if own is None:
        say("Importing the libraries that run the model …")
        from chat_app.models.local import loading

        return loading.load(card, settings, say)
    loaded: tuple[BaseChatModel, ModelId] = own(settings, say)
    return loaded


def _servers() -> Any:
    """The room of models that run elsewhere; it reads the cards too, so neither can come first."""
    return import_module("chat_app.models.remote")


def _module(name: str) -> Any:
    return import_module(f"{__name__}.{name}")
