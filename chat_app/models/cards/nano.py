"""The embedded model: four kinds of picture, a few million weights, no GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chat_app.models.cards import Card, Say
from chat_app.records import Contract, ModelId

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from chat_app.settings import Settings

CARD = Card(
    name="nano",
    label="demonstration model, not for clinical use",
    licence="Apache-2.0",
    about="Knows chest X-rays, brain MR with contrast, blood smears, and what an adapter adds; no others.",
    contract=Contract(size=224, resize="squash", most_images=1, boxes="grid100", context=2048),
    image_tokens=64,
    taught=True,
)


def load(settings: Settings, say: Say) -> tuple[BaseChatModel, ModelId]:
    say("Importing the libraries that run the model …")
    from chat_app.models.nano import chat

    say("Reading the model's weights …")
    return chat.open_nano(settings), ModelId(CARD.name, chat.fingerprint(), CARD.label)
