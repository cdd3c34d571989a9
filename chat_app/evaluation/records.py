"""Which labelled pictures are asked about: a folder a set, each with records.jsonl and the pictures it names.

It does not know what is asked about them.
"""

from __future__ import annotations

from pathlib import Path

from chat_app.data.readers import records as ours
from chat_app.data.records import Corners, Record
from chat_app.errors import InputError, SetupError

__all__ = ["Corners", "Record", "read"]


def read(data: Path) -> tuple[list[Record], list[str]]:
    """All records under `data`, ordered by set, and what was skipped, one sentence each.

    Raises:
        InputError: `data` is no folder, or no folder in it holds records.jsonl.
        SetupError: a line of a records.jsonl is not a record.
    """
    if not data.is_dir():
        raise InputError("There is no such data folder: give one that holds a folder a set.")
    folders = sorted(path for path in data.iterdir() if path.is_dir())
    found = [record for folder in folders if ours.looks_like(folder) for record in _read_set(folder)]
    if not found:
        raise InputError("The data folder holds no records: it needs a folder a set with records.jsonl.")
    records = [record for record in found if record.path.is_file()]
    skipped = [f"{folder.name}: no records.jsonl" for folder in folders if not ours.looks_like(folder)]
    if len(records) < len(found):
        skipped.append(f"{len(found) - len(records)} records whose picture is missing")
    return records, skipped


def _read_set(folder: Path) -> list[Record]:
    try:
        return list(ours.read(folder))
    except InputError as error:  # who evaluates did not write the data; who set them up did
        raise SetupError(str(error)) from error
