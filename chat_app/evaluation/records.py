"""Which labelled pictures are asked about: a set, or a folder of sets, in any layout that is read.

It does not know what is asked about them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from chat_app.data import reader
from chat_app.data.records import Corners, Record
from chat_app.errors import InputError, SetupError

__all__ = ["Corners", "Record", "in_split", "read", "regrouped", "split_by"]

TRAIN = "train"


def read(data: Path) -> tuple[list[Record], list[str]]:
    """All records under `data`, ordered by set, and what was skipped, one sentence each.

    Raises:
        InputError: `data` is no folder, or holds no set.
        SetupError: a set's list cannot be read.
    """
    sets = reader.sets(data)
    found = [record for folder, each in sets.items() for record in _read_set(folder, each)]
    if not found:
        raise InputError("The data folder holds no records: its sets are empty.")
    records = [record for record in found if record.path.is_file()]
    others = [] if data in sets else sorted(path.name for path in data.iterdir() if path.is_dir())
    known = {folder.name for folder in sets}
    skipped = [f"{name}: no data set" for name in others if name not in known]
    if len(records) < len(found):
        skipped.append(f"{len(found) - len(records)} records whose picture is missing")
    return records, skipped


def split_by(records: Sequence[Record], split: str) -> tuple[list[Record], str]:
    """The records by the split that is meant, and its name: "test", or "FIELD=test" by another field.

    A set may hold a second split under a name of its own, as VQA-RAD's published one; records without that
    field are left out.

    Raises:
        InputError: no record has the field.
    """
    field, _, name = split.rpartition("=")
    if not field:
        return list(records), name
    moved = [replace(each, split=str(each.said[field])) for each in records if each.said.get(field)]
    if not moved:
        raise InputError(f"No record has the field {field!r}: name a split, or FIELD=SPLIT by one they have.")
    return moved, name


def in_split(records: Sequence[Record], name: str) -> list[Record]:
    """The records of that split.

    Raises:
        InputError: there are none.
    """
    here = [record for record in records if record.split == name]
    if not here:
        known = ", ".join(sorted({record.split or "(none)" for record in records}))
        raise InputError(f"There are no records of the split {name!r}: choose one of {known}.")
    return here


def regrouped(records: Sequence[Record]) -> tuple[list[Record], list[str]]:
    """The records of a split without the groups of sets that have one only, and a sentence for each such set.

    There a group is no patient but the split itself, as a fold is; of one cluster no interval could be given.
    """
    groups: dict[str, set[str]] = {}
    for record in records:
        groups.setdefault(record.set, set()).add(record.group)
    lone = {name for name, found in groups.items() if len(found) == 1 and found != {""}}
    says = "{}: one group holds all of the split, so its intervals go by picture"
    kept = [replace(each, group="") if each.set in lone else each for each in records]
    return kept, [says.format(name) for name in sorted(lone)]


def _read_set(folder: Path, each: reader.Reader) -> list[Record]:
    try:
        return list(each.read(folder))
    except InputError as error:  # who evaluates did not write the data; who set them up did
        raise SetupError(str(error)) from error
