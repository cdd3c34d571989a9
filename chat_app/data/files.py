"""The text files of a set: JSON, JSON lines and CSV, their faults in our words. It knows no set's fields."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chat_app.errors import InputError

PEEK = 65_536
"""Characters that tell what a file is: enough for one entry of every set that is known."""

Row = Mapping[str, Any]
Cells = dict[str, str]

csv.field_size_limit(10_000_000)  # a whole report may stand in a cell


@contextmanager
def row(set_name: str, number: int, needs: str) -> Iterator[None]:
    """What is wrong with one row, in a sentence that names it; `needs` says what a row must have."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        says = f"Line {number} of the set {set_name} is not a record: it needs {needs}."
        raise InputError(says) from error


def text(path: Path) -> str:
    """Raises: InputError, when it cannot be read or is no UTF-8."""
    try:
        data = path.read_bytes()
        unpacked = gzip.decompress(data) if path.suffix == ".gz" else data
        return unpacked.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("A list of the set is not in UTF-8: save it as UTF-8.") from error
    except (OSError, EOFError, zlib.error) as error:
        raise InputError("A list of the set cannot be read: check that it is whole.") from error


def load(path: Path) -> Any:
    """Raises: InputError, when it cannot be read or is no JSON."""
    try:
        return json.loads(text(path))
    except (ValueError, RecursionError) as error:
        raise InputError("A list of the set is damaged JSON: download or export it again.") from error


def entries(path: Path) -> list[Row]:
    """The entries of a JSON list; raises InputError, also when it is another thing than a list of them."""
    found = load(path)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise InputError("A list of the set is not a JSON list of entries: export it again.")
    return found


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not empty, from 1; raises InputError."""
    return ((number, line) for number, line in enumerate(text(path).splitlines(), 1) if line.strip())


def header(path: Path) -> list[str]:
    """The column names of a CSV as they stand there; [] where it cannot be read."""
    first = peek(path, 1)
    return [name.strip() for name in next(csv.reader([first], delimiter=_delimiter(first)), [])]


def cells(path: Path) -> Iterator[tuple[int, Cells]]:
    """The rows of a CSV by column name, with their line numbers; commas, semicolons or tabs between them.

    Raises:
        InputError: it cannot be read, a name stands twice in its header, or a row has not as many cells.
    """
    whole = text(path)
    first = next(iter(whole.splitlines()), "")
    table = csv.reader(io.StringIO(whole, newline=""), delimiter=_delimiter(first))
    names = [name.strip() for name in next(table, [])]
    twice = sorted({name for name in names if names.count(name) > 1 and name})
    if twice:
        raise InputError(f"The column {twice[0]!r} stands twice in the header of a CSV: name each once.")
    while True:
        try:
            values = next(table, None)
        except csv.Error as error:
            raise InputError(f"Line {table.line_num} of a CSV cannot be read: export it again.") from error
        if values is None:
            return
        if values and len(values) != len(names):
            raise InputError(
                f"Line {table.line_num} of a CSV has {len(values)} cells and its header {len(names)}: "
                "put cells that hold commas in quotes."
            )
        if values:
            yield table.line_num, dict(zip(names, (value.strip() for value in values), strict=True))


def peek(path: Path, most_lines: int = 0) -> str:
    """The beginning of a file, or "" when it cannot be read; with most_lines, no more than so many lines."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as stream:
            if most_lines:
                return "".join(stream.readline(PEEK) for _ in range(most_lines)).rstrip("\r\n")
            return stream.read(PEEK)
    except OSError:
        return ""


def digest(path: Path) -> str:
    """SHA-256 of the file's bytes; "" where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def top(folder: Path, ending: str) -> list[Path]:
    """The files right in the folder that end so, by name."""
    return sorted(path for path in folder.glob(f"*{ending}") if path.is_file())


def first_there(*paths: Path) -> Path:
    """The first of these that is there; the first of all where none is, to be missed later."""
    return next((path for path in paths if path.is_file()), paths[0])


def _delimiter(first: str) -> str:
    return max(",;\t", key=first.count)
