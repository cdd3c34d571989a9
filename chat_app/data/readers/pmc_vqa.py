"""PMC-VQA: CSV files of questions with four choices, and a folder of figures.

Columns as on the hub's card of xmcmic/PMC-VQA: Figure_path, Question, Answer (spelt "Anwser" in the first
version), "Choice A" to "Choice D" ("B:Focal uptake pattern"), Answer_label ("B"); the second version
(train_2.csv, test_2.csv) adds Caption. Where there is no Answer_label, an Answer of one letter is the label.
test_clean.csv is a part of test.csv and is read only without it. The group is the article (PMC1064097).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from chat_app.data import files
from chat_app.data.records import Fault, Record, split_named, under

NAME = "pmc_vqa"
NEEDS = "Figure_path, Question, Answer and four choices"
LETTERS = "ABCD"
FOLDERS = ("images", "images_2", "figures", ".")
ARTICLE = re.compile(r"PMC\d+")


def looks_like(folder: Path) -> bool:
    """Whether it holds a CSV of figures and choices."""
    return bool(_tables(folder))


def read(folder: Path) -> Iterator[Record]:
    """Raises InputError for a row that lacks a column."""
    for path in _tables(folder):
        for number, row in files.cells(path):
            with files.row(folder.name, number, NEEDS):
                record = _record(folder, path.stem, number, row)
            yield record


def _tables(folder: Path) -> list[Path]:
    found = [
        path for path in files.top(folder, ".csv") if {"Figure_path", "Choice A"} <= {*files.header(path)}
    ]
    whole = {path.stem for path in found}
    return [path for path in found if path.stem != "test_clean" or "test" not in whole]


def _record(folder: Path, stem: str, number: int, row: files.Cells) -> Record:
    name = row["Figure_path"]
    choices = {letter: _bare(letter, row[f"Choice {letter}"]) for letter in LETTERS}
    answer, faults = _answer(row, choices)
    article = ARTICLE.match(name)
    return Record(
        id=f"{stem}-{number}",
        set=folder.name,
        path=files.first_there(*(under(folder / images, name) for images in FOLDERS)),
        split=split_named(stem.split("_")[0]),
        question=row["Question"],
        answer=answer,
        answer_type="CLOSED",
        group=article[0] if article else name,
        said={"choices": choices, "caption": row.get("Caption", "")},
        faults=faults,
    )


def _answer(row: files.Cells, choices: dict[str, str]) -> tuple[str, tuple[Fault, ...]]:
    """The words of the right choice; a fault where the label names none."""
    given = row["Answer"] if "Answer" in row else row["Anwser"]
    label = row.get("Answer_label", "") or given
    if label in choices:
        return choices[label], ()
    return given, () if given in choices.values() else (Fault.CHOICE,)


def _bare(letter: str, choice: str) -> str:
    return choice.strip().removeprefix(f"{letter}:").strip()
