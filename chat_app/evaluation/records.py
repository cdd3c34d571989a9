"""Reads labelled pictures: a folder a set, each with records.jsonl and the pictures it names.

It does not know what is asked about them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chat_app.errors import InputError, SetupError

Corners = tuple[float, float, float, float]
"""x0, y0, x1, y1 as fractions of the picture, from its upper left corner."""

KINDS: Mapping[tuple[str, str], str] = {
    ("X-ray", "chest"): "chest",
    ("MRI", "brain"): "brain",
    ("Ultrasound", "breast"): "breast",
    ("Microscopy", "blood smear"): "blood",
}
"""The kinds of picture that tasks ask about, by what a record says of its modality and body part."""


@dataclass(frozen=True, eq=False)
class Record:
    """One labelled picture. `said` holds the fields that only some sets have (view, counts, organ ...)."""

    id: str
    set: str
    path: Path
    split: str
    modality: str = ""
    body_part: str = ""
    labels: tuple[str, ...] = ()
    boxes: tuple[tuple[str, Corners], ...] = ()
    said: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """ "chest", "brain", "breast" or "blood", or "" for a picture of any other kind."""
        return KINDS.get((self.modality, self.body_part), "")

    def boxes_of(self, label: str) -> tuple[Corners, ...]:
        """The boxes whose label holds `label`, in any case of letters."""
        return tuple(corners for name, corners in self.boxes if label.lower() in name.lower())


def read(data: Path) -> tuple[list[Record], list[str]]:
    """All records under `data`, ordered by set, and what was skipped, one sentence each.

    Raises:
        InputError: `data` is no folder, or no folder in it holds records.jsonl.
        SetupError: a line of a records.jsonl is not a record.
    """
    if not data.is_dir():
        raise InputError("There is no such data folder: give one that holds a folder a set.")
    folders = sorted(path for path in data.iterdir() if path.is_dir())
    found = [record for folder in folders for record in _read_set(folder)]
    if not found:
        raise InputError("The data folder holds no records: it needs a folder a set with records.jsonl.")
    records = [record for record in found if record.path.is_file()]
    skipped = [f"{folder.name}: no records.jsonl" for folder in folders if not _listing(folder).is_file()]
    if len(records) < len(found):
        skipped.append(f"{len(found) - len(records)} records whose picture is missing")
    return records, skipped


def _listing(folder: Path) -> Path:
    return folder / "records.jsonl"


def _read_set(folder: Path) -> list[Record]:
    if not _listing(folder).is_file():
        return []
    lines = _listing(folder).read_text(encoding="utf-8").splitlines()
    return [_read_line(folder, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _read_line(folder: Path, number: int, line: str) -> Record:
    try:
        return _record(folder, json.loads(line))
    except (ValueError, KeyError, TypeError) as error:
        raise SetupError(
            f"Line {number} of the set {folder.name} is not a record: it needs at least id, image and split."
        ) from error


_READ = frozenset({"id", "image", "split", "modality", "body_part", "labels", "boxes"})


def _record(folder: Path, row: Mapping[str, Any]) -> Record:
    return Record(
        id=str(row["id"]),
        set=folder.name,
        path=folder / row["image"],
        split=str(row["split"]),
        modality=str(row.get("modality", "")),
        body_part=str(row.get("body_part", "")),
        labels=tuple(row.get("labels", ())),
        boxes=tuple((box["label"], _corners(box["box"])) for box in row.get("boxes", ())),
        said={key: value for key, value in row.items() if key not in _READ},
    )


def _corners(values: Iterable[float]) -> Corners:
    x0, y0, x1, y1 = (float(value) for value in values)
    return x0, y0, x1, y1
