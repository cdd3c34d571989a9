"""What goes into the training of an adapter, and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chat_app.training.lora.scoring import Figure


@dataclass(frozen=True)
class Options:
    """One training.

    base: the card of the model. data: a set, or a folder of sets. name: of the adapter. rank: of its
    matrices. epochs: how often each picture is seen; steps: how many steps instead, 0 for as many as the
    epochs take. batch: pictures at a time; accumulate: batches a step. rate: highest learning rate.
    projector: whether what lies between tower and language model is trained too. length: most tokens of a
    conversation, 0 for as many as the model's card says.
    """

    base: str
    data: Path
    name: str
    rank: int = 16
    epochs: int = 3
    steps: int = 0
    batch: int = 4
    accumulate: int = 4
    rate: float = 2e-4
    projector: bool = False
    seed: int = 0
    length: int = 0


@dataclass(frozen=True)
class Outcome:
    """An adapter that can be used: its folder, and how it did on held-out questions, by what was asked."""

    folder: Path
    figures: Mapping[str, Figure]
