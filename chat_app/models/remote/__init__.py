"""A model that runs on a server: "openai:NAME@URL" names it, over the way of asking that OpenAI began.

What asks over the network is imported only when a model is loaded.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chat_app import address
from chat_app.records import Contract, ModelId

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.language_models import BaseChatModel

    from chat_app.models.cards import Card
    from chat_app.settings import Settings

LABEL = "answers from a server; not for clinical use"

# What is supposed of a model of which no card is known: 896 px is what MedGemma sees and a fair view for
# those that see more or cut it in tiles; a picture takes 256 tokens there and up to about 1,000 elsewhere.
CONTRACT = Contract(size=896, resize="pad", most_images=4, context=8192)
IMAGE_TOKENS = 1024


def card(name: str) -> Card:
    """The card for "openai:NAME@URL": that of the model NAME where it is known, under this name.

    Raises:
        SetupError: it is malformed, or its address holds what it must not.
    """
    # The cards import this room.
    from chat_app.models import cards

    place = address.parsed(name)
    named = place.model.casefold()
    for each in cards.known():
        if named in {each.name.casefold(), each.weights.repo.casefold() if each.weights else ""}:
            return replace(each, name=name, label=LABEL, weights=None, host=place.elsewhere)
    return cards.Card(
        name=name,
        label=LABEL,
        licence="as its server says",
        about="Runs on a server that is asked as OpenAI's is.",
        contract=CONTRACT,
        image_tokens=IMAGE_TOKENS,
        host=place.elsewhere,
    )


def warning(name: str) -> str:
    """What the user must know of the way to that model, "" for nothing and for a model on this machine.

    Raises:
        SetupError: the name is malformed.
    """
    return address.parsed(name).warning if name.startswith(address.SCHEME) else ""


def load(card: Card, settings: Settings, say: Callable[[str], None]) -> tuple[BaseChatModel, ModelId]:
    """The model behind the card, once its server has said who it is; its weights have no hash here.

    Raises:
        SetupError: the server cannot be reached, refuses the key, or has no such model.
    """
    say("Importing what asks the model's server …")
    from chat_app.models.remote import chat

    say("Asking the model's server who it is …")
    return chat.connected(address.parsed(card.name), settings), ModelId(card.name, "", card.label)
