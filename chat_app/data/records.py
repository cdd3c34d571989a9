"""The one record of labelled pictures: what every reader gives, and training and evaluation take.

It does not know where a record was written down, nor what is asked about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import Any

Corners = tuple[float, float, float, float]
"""x0, y0, x1, y1 as fractions of the picture, from its upper left corner."""

Place = tuple[str, Corners]
"""A label and where it is."""

Exchange = tuple[str, str]
"""A question and its answer."""

ROUNDING = 0.002
"""How far outside 0..1 a corner may lie, as a fraction: a pixel of 500, by which writers round."""

KINDS: Mapping[tuple[str, str], str] = {
    ("X-ray", "chest"): "chest",
    ("MRI", "brain"): "brain",
    ("Microscopy", "blood smear"): "blood",
}
"""The kinds of picture that tasks ask about, by what a record says of its modality and body part."""

SPLITS: Mapping[str, str] = {
    "training": "train",
    "validate": "val",
    "validation": "val",
    "valid": "val",
    "dev": "val",
    "testing": "test",
}
"""What others call the splits."""


class Fault(StrEnum):
    """What a row of a set got wrong that was left out of its record."""

    BOX = "box"
    TURN = "turn"
    CHOICE = "choice"
    PICTURE = "picture"


@dataclass(frozen=True, eq=False)
class Record:
    """One labelled picture, or one question about one.

    path: of the picture; whether it is there is not known. split: "train", "val", "test", another name, or ""
    where the set has none. boxes lie within 0..1. said: what else the row holds, by the set's own names.
    answer_type: "CLOSED" (a choice of few) or "OPEN". turns: of a conversation. report, sections: the whole
    text, and its parts by lower-case heading. group: patient or case; "" where the set names none. licence:
    of the picture. faults: what of the row could not be kept, once for each.
    """

    id: str
    set: str
    path: Path
    split: str
    modality: str = ""
    body_part: str = ""
    labels: tuple[str, ...] = ()
    boxes: tuple[Place, ...] = ()
    said: Mapping[str, Any] = field(default_factory=dict)
    question: str = ""
    answer: str = ""
    answer_type: str = ""
    turns: tuple[Exchange, ...] = ()
    report: str = ""
    sections: Mapping[str, str] = field(default_factory=dict)
    group: str = ""
    source: str = ""
    licence: str = ""
    faults: tuple[Fault, ...] = ()

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("A record needs an id.")
        if self.answer_type not in ("", "CLOSED", "OPEN"):
            raise ValueError(f"An answer is CLOSED or OPEN, not {self.answer_type}.")
        if not all(isinstance(label, str) and label for label in self.labels):
            raise ValueError("A label is a word.")
        for _, corners in self.boxes:
            if not _is_inside(corners):
                raise ValueError("A box has corners out of order or outside the picture.")

    @property
    def kind(self) -> str:
        """ "chest", "brain" or "blood", or "" for a picture of any other kind."""
        return KINDS.get((self.modality, self.body_part), "")

    @property
    def has_picture(self) -> bool:
        """Whether the row named one, be it there or not."""
        return Fault.PICTURE not in self.faults

    @property
    def name(self) -> str:
        """What a person can find it by among several sets."""
        return f"{self.set}:{self.id}"

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Every question with its answer: of the conversation, or the one."""
        lone = ((self.question, self.answer),) if self.question or self.answer else ()
        return self.turns or lone

    def boxes_of(self, label: str) -> tuple[Corners, ...]:
        """The boxes whose label holds `label`, in any case of letters."""
        return tuple(corners for name, corners in self.boxes if label.lower() in name.lower())


def placed(boxes: Iterable[tuple[str, Sequence[float]]]) -> tuple[tuple[Place, ...], tuple[Fault, ...]]:
    """The boxes that lie in the picture, drawn to its edge where they were rounded; a fault for each other.

    Raises:
        ValueError: one has not four corners.
    """
    places, faults = list[Place](), list[Fault]()
    for label, values in boxes:
        x0, y0, x1, y1 = (_edged(float(value)) for value in values)
        corners = (x0, y0, x1, y1)
        if _is_inside(corners):
            places.append((label, corners))
        else:
            faults.append(Fault.BOX)
    return tuple(places), tuple(faults)


def split_named(name: str) -> str:
    """Our word for a split: "validation" is "val"."""
    plain = name.strip().lower()
    return SPLITS.get(plain, plain)


def under(folder: Path, name: str) -> Path:
    """A file of the set.

    Raises:
        ValueError: the name is empty or leads out of the folder.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    if not name.strip() or path.is_absolute() or ".." in path.parts or path.parts[0].endswith(":"):
        raise ValueError("The name of a picture leads out of the folder.")
    return folder / path


def answer_type(said: str, answer: str) -> str:
    """CLOSED or OPEN as the set says; where it does not, closed is what is answered by yes or no."""
    plain = said.strip().upper()
    if plain in ("CLOSED", "OPEN"):
        return plain
    return "CLOSED" if answer.strip().lower().rstrip(".") in ("yes", "no") else "OPEN" if answer else ""


def _edged(value: float) -> float:
    return min(max(value, 0.0), 1.0) if -ROUNDING <= value <= 1 + ROUNDING else value


def _is_inside(corners: Corners) -> bool:
    x0, y0, x1, y1 = corners
    return all(map(isfinite, corners)) and 0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1
