"""A card's weights become a model that answers: read and checked, adapters beside it, an engine around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chat_app.models import adapters
from chat_app.models.local.adapters import Adapters
from chat_app.models.local.chat import LocalModel
from chat_app.models.local.engine import SLOTS, Engine
from chat_app.models.local.prompt import MEGABYTE
from chat_app.records import ModelId

if TYPE_CHECKING:
    from chat_app.models.cards import Card, Say
    from chat_app.settings import Settings


def load(card: Card, settings: Settings, say: Say) -> tuple[LocalModel, ModelId]:
    """The model with its weights in memory, and which weights they are.

    Raises:
        SetupError: its files are missing, damaged, of another architecture or do not fit here; or the adapter
            that the settings name does not fit it.
    """
    from chat_app.models.local import weights

    opened = weights.read(card, settings, say)
    # Rows side by side go through 4-bit weights one by one or slower: bitsandbytes' kernels are for one.
    slots = 1 if opened.fit.dtype == "nf4" else SLOTS
    model = LocalModel(
        engine=engine(opened.model, opened.processor, card.name, opened.sha256, settings, slots),
        seed=settings.seed,
        temperature=settings.temperature,
        max_new_tokens=settings.max_new_tokens,
    )
    return model, ModelId(card.name, opened.sha256, card.label, dtype=opened.fit.dtype)


def engine(
    model: Any, processor: Any, base: str, sha256: str, settings: Settings, slots: int = SLOTS
) -> Engine:
    """An engine around weights that were read, with the adapters that fit them.

    Raises:
        SetupError: the adapter that the settings name is not one of them.
    """
    beside = Adapters(model, adapters.found(settings.adapters), base, sha256)
    if settings.adapter:
        beside.check(settings.adapter)
    return Engine(model, processor, beside, cache_bytes=settings.cache_mb * MEGABYTE, slots=slots)
