"""What an evaluation task is. Each is one file in tasks/, found by listing that folder."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from chat_app.evaluation import tasks
from chat_app.evaluation.records import Corners, Record

Truth = str | Corners
"""A class by its name, or a place as fractions of the picture."""


@dataclass(frozen=True, eq=False)
class Row:
    """One question about one labelled picture.

    part: a task that scores several things apart names them here. unseen: the same question in words that no
    training may use. template: draft this report instead of asking.
    """

    record: Record
    question: str
    truth: Truth
    part: str = ""
    unseen: tuple[str, ...] = ()
    template: str = ""


@dataclass(frozen=True)
class Reply:
    """What came back: readable text, and the boxes by label as fractions of the picture.

    fixed: the program said it, not the model: a refusal. fault: nothing came but an error.
    """

    text: str
    boxes: tuple[tuple[str, Corners], ...] = ()
    fixed: bool = False
    fault: bool = False


class Task(Protocol):
    """A module of tasks/: NAME is its file's name, rows() what it asks, parse() what a reply says."""

    NAME: str

    def rows(self, records: Sequence[Record]) -> list[Row]: ...

    def parse(self, reply: Reply, row: Row) -> Truth | None:
        """What the reply claims, in the truth's terms; None when it claims nothing."""
        ...


def known() -> list[Task]:
    """Every task, by file name."""
    names = sorted(module.name for module in pkgutil.iter_modules(tasks.__path__))
    return [cast(Task, importlib.import_module(f"{tasks.__name__}.{name}")) for name in names]
