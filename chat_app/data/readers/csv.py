"""A plain CSV of one's own: a header, a row a picture or a question, commas, semicolons or tabs.

Only the column image is needed. The others that are known are in COLUMNS; several labels in one cell stand
between "|" or ";". What else there is, is kept as it is.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

from chat_app.data import files
from chat_app.data.records import Record, answer_type, split_named, under
from chat_app.errors import InputError

NAME = "csv"
NEEDS = "an image within the folder"
COLUMNS = (
    *("id", "image", "modality", "body_part", "labels", "question", "answer", "answer_type"),
    *("report", "group", "split", "source", "licence"),
)
# Other words for them that people write.
ALIASES = {
    "label": "labels",
    "license": "licence",
    "patient": "group",
    "case": "group",
    "file": "image",
    "filename": "image",
    "file_name": "image",
    "image_path": "image",
}
# The layouts of others, which have readers of their own.
FOREIGN = frozenset({"figure_path", "dicom_id", "x_min"})


def looks_like(folder: Path) -> bool:
    """Whether a CSV in it has a column of ours, or one that was meant as such."""
    return bool(_tables(folder))


def read(folder: Path) -> Iterator[Record]:
    """Raises InputError for a header without image, or a row that is no record."""
    for path in _tables(folder):
        _check(files.header(path))
        for number, row in files.cells(path):
            with files.row(folder.name, number, NEEDS):
                record = _record(folder, f"{path.stem}-{number}", row)
            yield record


def _tables(folder: Path) -> list[Path]:
    return [path for path in files.top(folder, ".csv") if _is_ours(files.header(path))]


def _is_ours(header: list[str]) -> bool:
    names = {_name(name) for name in header}
    is_meant = "image" in names or len(names & {*COLUMNS}) > 1
    return is_meant and not names & FOREIGN


def _name(column: str) -> str:
    plain = re.sub(r"[\s-]+", "_", column.strip().lower())
    return ALIASES.get(plain, plain)


def _check(header: list[str]) -> None:
    """Raises: InputError, for a header that lacks image or names a column twice."""
    names = [_name(column) for column in header]
    if "image" not in names:
        near = difflib.get_close_matches("image", names, 1)
        meant = f"is {near[0]!r} meant?" if near else "name the column with the pictures' files so."
        raise InputError(f"The header of a CSV has no column 'image': {meant}")
    twice = next((name for name in names if names.count(name) > 1), "")
    if twice:
        raise InputError(f"Two columns of a CSV both mean {twice!r}: leave one of them out.")


def _record(folder: Path, place: str, row: files.Cells) -> Record:
    cells = {_name(column): value for column, value in row.items()}
    known = {name: cells.get(name, "") for name in COLUMNS}
    image = known["image"]
    labels = [label.strip() for label in re.split(r"[|;]", known["labels"])]
    return Record(
        id=known["id"] or place,
        set=folder.name,
        path=files.first_there(under(folder, image), under(folder / "images", image)),
        split=split_named(known["split"]),
        modality=known["modality"],
        body_part=known["body_part"],
        labels=tuple(label for label in labels if label),
        question=known["question"],
        answer=known["answer"],
        answer_type=answer_type(known["answer_type"], known["answer"]),
        report=known["report"],
        group=known["group"],
        source=known["source"],
        licence=known["licence"],
        said={name: value for name, value in cells.items() if name not in COLUMNS and value},
    )
