"""What of a training differs from model to model: the recipe, and where to find the one of a card.

A model that needs more than plain LoRA has a file recipes/<card>.py ("-" is "_" there) with
`class Recipe(recipe.Recipe)`, which overrides what differs, or with `train`, where nothing is the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from chat_app.data.records import Exchange, Record
from chat_app.training import dialogues
from chat_app.training.dialogues import Mark, Vocabulary
from chat_app.training.lora import modules, recipes
from chat_app.training.lora.options import Options, Outcome

if TYPE_CHECKING:
    from chat_app.settings import Settings


Train = Callable[[Options, "Settings", Callable[[str], None]], Outcome]


class Recipe:
    """LoRA on the language model's linear layers; the vision tower stays as it is."""

    def target_modules(self, model: Any) -> str:
        """A pattern that matches, whole, the names of the linear layers that get LoRA."""
        return modules.language(model)

    def modules_to_save(self, model: Any, *, projector: bool) -> list[str]:
        """The names of modules that are trained whole; `projector`: the person asked for it."""
        return modules.projector(model) if projector else []

    def dialogue(
        self,
        record: Record,
        vocabulary: Vocabulary,
        rng: random.Random,
        turns: int,
        mark: Mark | None,
        *,
        held_out: bool = False,
    ) -> list[Exchange]:
        """What is asked about a picture, and the answers; at least one, at most `turns`.

        mark: writes a box, None where the model writes none. held_out: in wordings kept for measuring.
        """
        return dialogues.dialogue(record, vocabulary, rng, turns, mark, held_out=held_out)


def of(card: str) -> Recipe:
    """The recipe of the card of that name."""
    found = _module(card)
    recipe: Recipe = found.Recipe() if found else Recipe()
    return recipe


def own(card: str) -> Train | None:
    """The training of a model that has one of its own."""
    train: Train | None = getattr(_module(card), "train", None)
    return train


def _module(card: str) -> Any:
    name = f"{recipes.__name__}.{card.replace('-', '_')}"
    return import_module(name) if find_spec(name) else None
