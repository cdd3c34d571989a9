"""What a reader of data sets is, and which there are: each one file in readers/, found by listing it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast

from chat_app.data import readers
from chat_app.data.records import Record
from chat_app.errors import InputError

OURS = "records"
"""The reader of our own layout: where somebody wrote records.jsonl, it counts, whatever else lies there."""


class Reader(Protocol):
    """A module of readers/: NAME is its file's name; read() gives records in the order of the set.

    looks_like is quick and opens no picture. read raises InputError, also while it is read from.
    """

    NAME: str

    def looks_like(self, folder: Path) -> bool: ...

    def read(self, folder: Path) -> Iterator[Record]: ...


def known() -> list[Reader]:
    """Every reader, by file name."""
    names = sorted(module.name for module in pkgutil.iter_modules(readers.__path__))
    return [cast(Reader, importlib.import_module(f"{readers.__name__}.{name}")) for name in names]


def of(folder: Path) -> Reader | None:
    """The reader whose layout this folder has; None where it has none that is known.

    Raises:
        InputError: several could read it.
    """
    fitting = {reader.NAME: reader for reader in known() if reader.looks_like(folder)}
    if len(fitting) > 1 and OURS not in fitting:
        names = " and ".join(fitting)
        raise InputError(
            f"This folder could be a set of the kinds {names}: keep each in a folder of its own."
        )
    return fitting.get(OURS) or next(iter(fitting.values()), None)


def sets(folder: Path) -> dict[Path, Reader]:
    """The sets here: the folder itself where it is one, else those right under it that are.

    Raises:
        InputError: there is no such folder, or no set.
    """
    if not folder.is_dir():
        raise InputError("There is no such data folder: name one that is there.")
    reader = of(folder)
    if reader is not None:
        return {folder: reader}
    inside = sorted(path for path in folder.iterdir() if path.is_dir())
    found = {path: reader for path in inside if (reader := of(path)) is not None}
    if not found:
        names = ", ".join(reader.NAME for reader in known())
        raise InputError(f"No data set is known in this folder: lay it out as one of {names}.")
    return found


def read(folder: Path) -> list[Record]:
    """Every record of every set here, in order; raises InputError."""
    return [record for path, reader in sets(folder).items() for record in reader.read(path)]
