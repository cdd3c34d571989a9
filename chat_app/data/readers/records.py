"""Our own layout: records.jsonl with one JSON object a line, and the pictures it names (docs/data.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chat_app.data import files
from chat_app.data.records import Fault, Record, answer_type, placed, under

NAME = "records"
LISTING = "records.jsonl"
NEEDS = "at least id, image and split"
# What becomes a field of the record and is not told again among what else the row says.
_READ = frozenset({"id", "image", "split", "modality", "body_part", "labels", "boxes"})


def looks_like(folder: Path) -> bool:
    """Whether it holds records.jsonl."""
    return (folder / LISTING).is_file()


def read(folder: Path) -> Iterator[Record]:
    """Raises InputError for a line that is no record."""
    for number, line in files.lines(folder / LISTING):
        with files.row(folder.name, number, NEEDS):
            record = _record(folder, json.loads(line))
        yield record


def _record(folder: Path, row: dict[str, Any]) -> Record:
    boxes, faults = placed((str(box["label"]), box["box"]) for box in row.get("boxes") or ())
    turns = tuple((str(turn["question"]), str(turn["answer"])) for turn in row.get("turns") or ())
    answer = _text(row, "answer")
    return Record(
        id=str(row["id"]),
        set=folder.name,
        path=under(folder, str(row["image"])),
        split=str(row["split"]),
        modality=_text(row, "modality"),
        body_part=_text(row, "body_part"),
        labels=tuple(row.get("labels") or ()),
        boxes=boxes,
        said={key: value for key, value in row.items() if key not in _READ},
        question=_text(row, "question"),
        answer=answer,
        answer_type=answer_type(_text(row, "answer_type"), answer),
        turns=turns,
        report=_text(row, "report"),
        sections={str(name): str(text) for name, text in (row.get("sections") or {}).items()},
        group=_text(row, "group"),
        source=_text(row, "source"),
        licence=_text(row, "licence"),
        faults=(*faults, *(Fault(each) for each in row.get("faults") or ())),
    )


def _text(row: dict[str, Any], key: str) -> str:
    value = row.get(key)
    return "" if value is None else str(value)
