"""Conversations as LLaVA and LLaVA-Med are tuned on: JSON lists of id, image and conversations.

Fields as in haotian-liu/LLaVA, docs/Finetune_Custom_Data.md: conversations is a list of {"from": "human" or
"gpt", "value"}, with <image> where the picture stands; LLaVA-Med's files spell it "conversatons" (quoted in
public converters; its own files are not stored as text). The split is told by the file's name. An entry
without a picture, and a turn that is not followed by its answer, are faults.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from chat_app.data import files
from chat_app.data.records import Exchange, Fault, Record, answer_type, split_named, under

NAME = "llava"
NEEDS = "id, and conversations of what the human and gpt said"
SPELLINGS = ("conversations", "conversatons")
IMAGE = "<image>"
WORDS = re.compile(r"[a-z]+")
KNOWN_SPLITS = ("train", "val", "test")
OURS = frozenset({"id", "image", "answer_type", *SPELLINGS})


def looks_like(folder: Path) -> bool:
    """Whether it holds a JSON list of conversations."""
    return bool(_listings(folder))


def read(folder: Path) -> Iterator[Record]:
    """Raises InputError for an entry without id or conversation."""
    for path in _listings(folder):
        split = _split(path.stem)
        for number, row in enumerate(files.entries(path), 1):
            with files.row(folder.name, number, NEEDS):
                record = _record(folder, f"{path.stem}-{number}", split, row)
            yield record


def _listings(folder: Path) -> list[Path]:
    return [path for path in files.top(folder, ".json") if _is_ours(files.peek(path))]


def _is_ours(beginning: str) -> bool:
    is_list = beginning.lstrip().startswith("[")
    return is_list and '"from"' in beginning and any(f'"{name}"' in beginning for name in SPELLINGS)


def _split(stem: str) -> str:
    words = (split_named(word) for word in WORDS.findall(stem.lower()))
    return next((word for word in words if word in KNOWN_SPLITS), "")


def _record(folder: Path, place: str, split: str, row: files.Row) -> Record:
    (said,) = (row[name] for name in SPELLINGS if name in row)
    turns, faults = _turns(said)
    name = str(row.get("image") or "")
    path = files.first_there(under(folder / "images", name), under(folder, name)) if name else folder
    answer = turns[0][1] if len(turns) == 1 else ""
    return Record(
        # LLaVA's ids name the picture and stand once for each conversation about it.
        id=f"{place}:{row['id']}",
        set=folder.name,
        path=path,
        split=split,
        turns=turns,
        answer_type=answer_type(str(row.get("answer_type") or ""), answer),
        group=name,
        said={key: value for key, value in row.items() if key not in OURS},
        faults=faults if name else (*faults, Fault.PICTURE),
    )


def _turns(said: Sequence[dict[str, Any]]) -> tuple[tuple[Exchange, ...], tuple[Fault, ...]]:
    """Each question with the answer right after it; a fault for each turn that stands alone."""
    turns, faults, question = list[Exchange](), list[Fault](), ""
    for turn in said:
        words = str(turn["value"]).replace(IMAGE, "").strip()
        if turn["from"] == "gpt" and question:
            turns.append((question, words))
            question = ""
        else:
            faults += [Fault.TURN] * (bool(question) or turn["from"] != "human")
            question = words if turn["from"] == "human" else ""
    return tuple(turns), tuple([*faults, *[Fault.TURN] * bool(question)])
