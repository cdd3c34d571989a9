"""What of a training differs from model to model: the recipe, and where to find the one of a card.

A model that needs more than plain LoRA has a file recipes/<card>.py ("-" is "_" there) with
`class Recipe(Plain)`, which overrides what differs, or with `train`, where nothing is the same; every other
model is trained by `Plain`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from torch import Tensor

from chat_app.data.records import Exchange, Record
from chat_app.records import Image
from chat_app.training import dialogues
from chat_app.training.dialogues import Mark, Vocabulary
from chat_app.training.lora import modules, recipes
from chat_app.training.lora.options import Options, Outcome

if TYPE_CHECKING:
    from chat_app.settings import Settings


Train = Callable[[Options, "Settings", Callable[[str], None]], Outcome]


class Recipe(Protocol):
    """The questions that a training asks, in this order."""

    def target_modules(self, model: Any) -> str:
        """A pattern that matches, whole, the names of the linear layers that get LoRA."""
        ...

    def modules_to_save(self, model: Any, *, projector: bool) -> list[str]:
        """The names of modules that are trained whole; `projector`: the person asked for it."""
        ...

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
        ...

    def augment(self, picture: Image, record: Record, rng: random.Random) -> tuple[Image, Record]:
        """The picture changed for one look at it in training, and the record with boxes that follow."""
        ...

    def loss(
        self, model: Any, inputs: dict[str, Any], outputs: Any, records: Sequence[Record]
    ) -> Tensor | None:
        """A loss of its own, added to that of the answers (mean over the batch); None for no other.

        inputs: what the model was given. records: of the batch's pictures, in the order of pixel_values.
        """
        ...

    def finish(
        self, model: Any, processor: Any, train: Sequence[Record], val: Sequence[Record], folder: Path
    ) -> None:
        """Writes what belongs beside the adapter into its folder; `model` has the trained adapter on."""
        ...


class Plain:
    """LoRA on the language model's linear layers; the vision tower stays as it is."""

    def target_modules(self, model: Any) -> str:
        return modules.language(model)

    def modules_to_save(self, model: Any, *, projector: bool) -> list[str]:
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
        return dialogues.dialogue(record, vocabulary, rng, turns, mark, held_out=held_out)

    def augment(self, picture: Image, record: Record, rng: random.Random) -> tuple[Image, Record]:
        return picture, record

    def loss(
        self, model: Any, inputs: dict[str, Any], outputs: Any, records: Sequence[Record]
    ) -> Tensor | None:
        return None

    def finish(
        self, model: Any, processor: Any, train: Sequence[Record], val: Sequence[Record], folder: Path
    ) -> None:
        return None


def of(card: str) -> Recipe:
    """The recipe of the card of that name."""
    found = _module(card)
    recipe: Recipe = found.Recipe() if found else Plain()
    return recipe


def own(card: str) -> Train | None:
    """The training of a model that has one of its own."""
    train: Train | None = getattr(_module(card), "train", None)
    return train


def _module(card: str) -> Any:
    name = f"{recipes.__name__}.{card.replace('-', '_')}"
    return import_module(name) if find_spec(name) else None
