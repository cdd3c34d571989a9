"""SLAKE: train.json, validate.json and test.json, and imgs/ with a folder an image; English and Chinese.

Fields as in xiaoman-zhang/PMC-VQA, Slake1.0/*.json: img_id, img_name ("xmlab1/source.jpg"), question, answer,
q_lang ("en", "zh"), location, modality ("MRI", "CT", "X-Ray"), answer_type, base_type, content_type, triple,
qid. The hub's BoKelvin/SLAKE calls the second file validation.json, and states CC BY 4.0. Masks and boxes of
organs (mask.png, detection.json) are not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from chat_app.data import files
from chat_app.data.records import Record, answer_type, split_named, under

NAME = "slake"
NEEDS = "img_name, question, answer, q_lang and qid"
LISTINGS = ("train.json", "validate.json", "validation.json", "test.json")
MODALITIES = {"X-Ray": "X-ray"}
KEPT = ("q_lang", "base_type", "content_type", "triple", "location")
LICENCE = "CC BY 4.0"


def looks_like(folder: Path) -> bool:
    """Whether one of its lists holds entries with an image's name and a language."""
    return any(_is_ours(files.peek(path)) for path in _listings(folder))


def read(folder: Path) -> Iterator[Record]:
    """Both languages; `said["q_lang"]` tells which. Raises InputError for an entry that lacks a field."""
    for path in _listings(folder):
        split = split_named(path.stem)
        for number, row in enumerate(files.entries(path), 1):
            with files.row(folder.name, number, NEEDS):
                record = _record(folder, split, row)
            yield record


def _listings(folder: Path) -> list[Path]:
    return [folder / name for name in LISTINGS if (folder / name).is_file()]


def _is_ours(beginning: str) -> bool:
    return '"img_name"' in beginning and '"q_lang"' in beginning


def _record(folder: Path, split: str, row: files.Row) -> Record:
    name, answer = str(row["img_name"]), str(row["answer"]).strip()
    modality = str(row.get("modality", ""))
    return Record(
        id=f"{split}-{row['q_lang']}-{row['qid']}",
        set=folder.name,
        path=files.first_there(under(folder / "imgs", name), under(folder, name)),
        split=split,
        modality=MODALITIES.get(modality, modality),
        body_part=str(row.get("location", "")).lower(),
        question=str(row["question"]).strip(),
        answer=answer,
        answer_type=answer_type(str(row.get("answer_type", "")), answer),
        group=str(row.get("img_id", name)),
        licence=LICENCE,
        said={key: row[key] for key in KEPT if row.get(key)},
    )
