"""What a suite is: questions with a protocol, one file in suites/, found by listing that folder."""

from __future__ import annotations

import importlib
import pkgutil
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, cast

from chat_app.data.records import Record
from chat_app.errors import InputError
from chat_app.evaluation import suites
from chat_app.evaluation.ask import Examiner
from chat_app.evaluation.measure import Measure
from chat_app.models.nano.specialty import Specialty

Drawn = TypeVar("Drawn")


@dataclass(frozen=True, eq=False)
class Exam:
    """What a suite is given.

    here: the records of the split that is scored; train: of the one that a model may have learnt from.
    names: the tasks that were asked for, none for all. limit: most rows a task, 0 for all. taught: the model
    takes questions word for word, and nothing may be put around them. radeval: the Python that has RadEval,
    "" for none. added: what the adapter of nano that is on adds. say: is told how far it is.
    """

    examiner: Examiner
    here: Sequence[Record]
    train: Sequence[Record]
    names: Sequence[str] = ()
    limit: int = 0
    taught: bool = False
    radeval: str = ""
    added: Specialty | None = None
    say: Callable[[str], None] = lambda _: None

    def chosen(self, known: Sequence[str]) -> list[str]:
        """The tasks to run, of those known.

        Raises:
            InputError: one that was asked for is none of them.
        """
        for name in self.names:
            if name not in known:
                raise InputError(f"There is no task {name!r}: choose from {', '.join(known)}.")
        return [name for name in known if not self.names or name in self.names]

    def drawn(self, rows: Sequence[Drawn]) -> Sequence[Drawn]:
        """At most `limit` of the rows, by a fixed seed."""
        return random.Random(0).sample(rows, self.limit) if 0 < self.limit < len(rows) else rows


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a suite gives back: its measures, what was left out, and boxes as RadFact reads them."""

    measures: Sequence[Measure]
    skipped: Sequence[str] = ()
    radfact: Mapping[str, Any] = field(default_factory=dict)


class Suite(Protocol):
    """A module of suites/. NAME is its file's name, its docstring's first line what it asks.

    MODEL: the one it is made for, "" for any. TAKES: the options that only it knows. PROTOCOL: in a sentence,
    how a row is scored. NORMALISER: of answers, by name and version, "" where none is used.
    """

    NAME: str
    MODEL: str
    TAKES: tuple[str, ...]
    PROTOCOL: str
    NORMALISER: str

    def run(self, exam: Exam) -> Outcome:
        """Raises InputError when the split has nothing it could ask about, or a task is unknown."""
        ...


def known() -> list[str]:
    """The name of every suite."""
    return sorted(module.name for module in pkgutil.iter_modules(suites.__path__))


def named(name: str) -> Suite:
    """The suite of that name; raises InputError for an unknown one."""
    if name not in known():
        raise InputError(f"There is no suite {name!r}: choose from {', '.join(known())}.")
    return cast(Suite, importlib.import_module(f"{suites.__name__}.{name}"))
