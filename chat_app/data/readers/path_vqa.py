"""PathVQA, and VQA-RAD in the same form, as the hub has them: image, question, answer.

Two forms are read: parquet files in data/ whose image is {bytes, path} (flaviagiammarino/path-vqa), and
"image folders" (train/, validation/, test/, each with metadata.jsonl or metadata.csv of file_name, question,
answer), which the hub's library reads too. The pickles of the first publication (qas/*.pkl) are not opened: a
pickle runs whatever its maker put into it. Parquet needs pyarrow; its pictures are unpacked once, into
unpacked/ beside data/, named by their content, which is the group too, as the set tells no other.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chat_app.data import files
from chat_app.data.records import Record, answer_type, split_named, under
from chat_app.errors import InputError, SetupError

NAME = "path_vqa"
NEEDS = "an image, question and answer"
METADATA = ("metadata.jsonl", "metadata.csv")
MISSING = "Parquet files cannot be read yet: run pip install pyarrow."
ROWS = 64  # at once: their pictures are in memory


def looks_like(folder: Path) -> bool:
    """Whether it holds parquet files named after splits, or folders with metadata that asks questions."""
    return bool(_parquet(folder) or _metadata(folder))


def read(folder: Path) -> Iterator[Record]:
    """Raises InputError for a row that lacks a field; SetupError where pyarrow is missing."""
    for path in _metadata(folder):
        yield from _read_folder(folder, path)
    if _parquet(folder) and not importlib.util.find_spec("pyarrow"):
        raise SetupError(MISSING)
    for path in _parquet(folder):
        yield from _read_parquet(folder, path)


def _metadata(folder: Path) -> list[Path]:
    found = [path for name in METADATA for path in sorted(folder.glob(f"*/{name}")) if path.is_file()]
    return [path for path in found if all(word in files.peek(path, 1) for word in ("file_name", "question"))]


def _parquet(folder: Path) -> list[Path]:
    return sorted((folder / "data").glob("*-of-*.parquet"))


def _read_folder(folder: Path, path: Path) -> Iterator[Record]:
    split = path.parent.name
    for number, row in _rows(path):
        with files.row(folder.name, number, NEEDS):
            fields = json.loads(row) if isinstance(row, str) else row
            picture = under(path.parent, str(fields["file_name"]))
            group = files.digest(picture) or picture.name
            record = _record(folder, split, number, picture, group, fields)
        yield record


def _rows(path: Path) -> Iterator[tuple[int, str | files.Cells]]:
    """The rows of a CSV, or the lines of JSON, not parsed yet so that a fault names its line."""
    return files.cells(path) if path.suffix == ".csv" else files.lines(path)


def _read_parquet(folder: Path, path: Path) -> Iterator[Record]:
    split = path.name.split("-")[0]
    for number, row in enumerate(_batches(path), 1):
        with files.row(folder.name, number, NEEDS):
            picture, group = _unpacked(folder, row["image"]["bytes"])
            place = f"{path.name.split('-of-')[0]}-{number}"
            record = _record(folder, split, place, picture, group, row)
        yield record


def _batches(path: Path) -> Iterator[dict[str, Any]]:
    parquet, arrow = importlib.import_module("pyarrow.parquet"), importlib.import_module("pyarrow")
    try:
        for batch in parquet.ParquetFile(path).iter_batches(ROWS):
            yield from batch.to_pylist()
    except (arrow.ArrowException, OSError) as error:
        raise InputError("A parquet file of the set is damaged: download it again.") from error


def _unpacked(folder: Path, data: bytes) -> tuple[Path, str]:
    """The picture as a file of its own, and its hash."""
    digest = hashlib.sha256(data).hexdigest()
    path = folder / "unpacked" / digest
    try:
        if not path.is_file():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
    except OSError as error:
        raise InputError(
            "The pictures cannot be unpacked beside the set: copy it where you may write."
        ) from error
    return path, digest


def _record(folder: Path, split: str, place: int | str, picture: Path, group: str, row: files.Row) -> Record:
    answer = str(row["answer"]).strip()
    return Record(
        id=f"{split}-{place}" if isinstance(place, int) else place,
        set=folder.name,
        path=picture,
        split=split_named(split),
        question=str(row["question"]).strip(),
        answer=answer,
        answer_type=answer_type("", answer),
        group=group,
    )
