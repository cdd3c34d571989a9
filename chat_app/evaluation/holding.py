"""How the model that is scored is held, as far as its settings say it: what its answers do not carry."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from chat_app.models import adapters, cards, fit
from chat_app.models.nano import specialty
from chat_app.models.nano.specialty import Specialty
from chat_app.settings import Settings

WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True)
class Held:
    """dtype: of the weights. adapter: SHA-256 of its weights. Both "" where that is not known here.

    taught: the model takes questions word for word, and nothing may be put around them. added: what the
    adapter of nano that is on adds.
    """

    dtype: str = ""
    adapter: str = ""
    taught: bool = False
    added: Specialty | None = None


def held(settings: Settings) -> Held:
    """Of a model on a server neither is known.

    Raises:
        SetupError: there is no such model, or it cannot be held as the settings want.
    """
    card = cards.chosen(settings)
    if card.host or card.name.startswith(cards.SERVED):
        return Held(taught=card.taught)
    dtype = fit.choose(card, fit.machine(), settings.dtype).dtype
    added = specialty.of(settings.adapter, settings.adapters) if card.name == "nano" else None
    return Held(dtype, _sha256(settings), card.taught, added)


def _sha256(settings: Settings) -> str:
    here = [each for each in adapters.found(settings.adapters) if each.name == settings.adapter]
    files = [each.folder / WEIGHTS for each in here]
    return hashlib.sha256(files[0].read_bytes()).hexdigest() if files and files[0].is_file() else ""
