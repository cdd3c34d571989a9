"""Records become conversations: which picture comes when, what is asked about it, and how a model sees it.

What comes at a place follows from the seed and the place alone, so that a training that was killed goes on
with what would have come.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from torch.utils.data import Dataset

from chat_app import prompts
from chat_app.data import pictures
from chat_app.data.records import Corners, Exchange, Record
from chat_app.data.splits import split_by_group
from chat_app.errors import InputError
from chat_app.grounding.boxes import to_grid
from chat_app.imaging.view import block, look
from chat_app.models.cards import Card
from chat_app.models.local.prompt import Reader
from chat_app.records import Answer, Box, Image, ModelId, Turn, View
from chat_app.training.dialogues import Mark, Vocabulary
from chat_app.training.lora.recipe import Recipe
from chat_app.training.lora.rows import Row, row

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

TURNS = 4
NAME = "image 1"


@dataclass(frozen=True)
class Split:
    """The records by what they are for; test is empty where the set keeps none apart."""

    train: list[Record]
    val: list[Record]
    test: list[Record]

    @property
    def held_out(self) -> tuple[str, list[Record]]:
        """What the figures are taken from, and what it is called."""
        return ("test", self.test) if self.test else ("val", self.val)


def split(records: Sequence[Record], seed: int) -> Split:
    """The set's own splits; where it has none, or none to validate with, whole groups are drawn.

    Raises:
        InputError: too few pictures, or some are missing.
    """
    found = [record for record in records if record.has_picture and _says_something(record)]
    if missing := {record.path for record in found if not record.path.is_file()}:
        raise InputError(f"{len(missing)} pictures are missing: run lightbox data check on the set.")
    if not any(record.split for record in found):
        found = split_by_group(found, seed)
    by_name = {name: [each for each in found if each.split == name] for name in ("train", "val", "test")}
    if not by_name["val"]:
        shares = {"train": 0.85, "val": 0.15}
        again = split_by_group(by_name["train"], seed, shares=shares)
        by_name |= {name: [each for each in again if each.split == name] for name in shares}
    if not (by_name["train"] and by_name["val"]):
        raise InputError("The set is too small: it needs pictures to train on and others to validate with.")
    return Split(**by_name)


def _says_something(record: Record) -> bool:
    return bool(record.exchanges or record.labels or record.boxes or record.report or record.modality)


@dataclass(frozen=True)
class Classroom:
    """What all lessons of one training share. ends: tokens that end an answer. most: of a conversation."""

    card: Card
    recipe: Recipe
    vocabulary: Vocabulary
    reader: Reader
    ends: Sequence[int]
    most: int

    def view(self, picture: Image) -> View:
        return look(picture, self.card.contract)

    def mark(self, view: View) -> Mark | None:
        """What writes a box on that view as the model does; None for a model that writes none."""
        form = self.card.contract.boxes
        return partial(_written, view=view, form=form) if form else None

    def messages(self, picture: Image, view: View, exchanges: Sequence[Exchange]) -> list[BaseMessage]:
        """The conversation up to its last question, exactly as a model is asked it."""
        *before, (question, _) = exchanges
        images, shown = (NAME,), {NAME: block(picture, view)}
        turns = [Turn(asked, images, _said(answer)) for asked, answer in before]
        system = "" if self.card.taught else prompts.render("answer")
        named = self.card.contract.most_images > 1
        return prompts.messages(system, turns, question, shown, images, named=named)


def _written(corners: Corners, view: View, form: str) -> str:
    x0, y0, x1, y1 = corners
    wide, high = view.columns, view.rows
    return to_grid(Box(x0 * wide, y0 * high, x1 * wide, y1 * high), view, form)


def _said(answer: str) -> Answer:
    return Answer(answer, ModelId("", ""), prompt="", seed=0)


def grouped(records: Iterable[Record]) -> list[list[Record]]:
    """Lone questions by their picture, whose tokens are then read once for several; each other by itself."""
    groups: dict[object, list[Record]] = {}
    for record in records:
        is_lone = bool(record.exchanges) and not record.turns
        groups.setdefault(record.path if is_lone else record.name, []).append(record)
    return list(groups.values())


class Lessons(Dataset[Row]):
    """`length` conversations: each picture once an epoch, in an order of its own. length 0: one epoch."""

    def __init__(self, room: Classroom, records: Sequence[Record], seed: int, *, length: int = 0) -> None:
        self.room, self.groups = room, grouped(records)
        self.seed = seed
        self.length = length or len(self.groups)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, place: int) -> Row:
        epoch, number = divmod(place, len(self.groups))
        order = random.Random(f"order {self.seed} {epoch}").sample(range(len(self.groups)), len(self.groups))
        return self._row(self.groups[order[number]], random.Random(f"lesson {self.seed} {place}"))

    def _row(self, group: list[Record], rng: random.Random) -> Row:
        drawn = rng.sample(group, len(group))
        picture = pictures.opened(drawn[0].path)
        view = self.room.view(picture)
        exchanges: list[Exchange] = []
        for each in drawn:
            if len(exchanges) < TURNS:
                mark, turns = self.room.mark(view), TURNS - len(exchanges)
                exchanges += self.room.recipe.dialogue(each, self.room.vocabulary, rng, turns, mark)
        messages = self.room.messages(picture, view, exchanges)
        answers = [answer for _, answer in exchanges]
        return row(self.room.reader, self.room.ends, messages, answers, drawn[0].name, self.room.most)


def ends_of(model: Any) -> list[int]:
    """The tokens that end an answer of this model."""
    stated = model.generation_config.eos_token_id
    return list(stated) if isinstance(stated, list) else [stated]
