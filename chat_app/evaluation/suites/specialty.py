"""What an adapter of nano adds: its kind of picture, the classes it tells apart, the things it finds.

The questions are those that the adapter was taught, so that any adapter can be scored as soon as it is there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from chat_app.data.records import Record
from chat_app.errors import InputError
from chat_app.evaluation.place import first_box
from chat_app.evaluation.suite import Exam, Outcome
from chat_app.evaluation.suites import nano
from chat_app.evaluation.task import Reply, Row, Task, Truth
from chat_app.evaluation.words import asserted
from chat_app.models.nano.specialty import Specialty
from chat_app.models.nano.wording import Intent, intents

NAME = "specialty"
MODEL = "nano"
TAKES: tuple[str, ...] = ()
PROTOCOL = nano.PROTOCOL
NORMALISER = ""


def run(exam: Exam) -> Outcome:
    if exam.added is None:
        raise InputError("This suite scores what an adapter of nano adds: name one with --adapter.")
    known = {task.NAME: task for task in tasks(exam.added)}
    chosen = [known[name] for name in exam.chosen(list(known))]
    return Outcome([measure for task in chosen for measure in nano.measured(exam, task)])


def tasks(added: Specialty) -> list[Task]:
    """What can be asked about its kind of picture, and how a reply is read."""
    known = intents(added)
    found: list[Task] = [_Kind(added, known["kind"])]
    if added.classes:
        found.append(_Class(added, known["class"]))
    for number, thing in enumerate(added.things):
        found.append(
            _Thing(f"{thing.replace(' ', '_')}_box", added, number, known[f"where_thing{number + 1}"])
        )
    return found


@dataclass(frozen=True)
class _Kind:
    """Is the picture known for what it is?"""

    added: Specialty
    intent: Intent
    NAME = "kind"

    def rows(self, records: Sequence[Record]) -> list[Row]:
        once = {r.path: r for r in records if _fits(r, self.added)}
        return [Row(r, self.intent.say, self.added.kind, unseen=self.intent.held_out) for r in once.values()]

    def parse(self, reply: Reply, row: Row) -> Truth | None:
        return asserted(reply.text, {self.added.kind: re.escape(self.added.kind.lower())})


@dataclass(frozen=True)
class _Class:
    """Which of the classes is it?"""

    added: Specialty
    intent: Intent
    NAME = "class"

    def rows(self, records: Sequence[Record]) -> list[Row]:
        found = [(record, self.added.class_of(record.labels)) for record in records]
        return [
            Row(record, self.intent.say, self.added.classes[number], unseen=self.intent.held_out)
            for record, number in found
            if number is not None
        ]

    def parse(self, reply: Reply, row: Row) -> Truth | None:
        return asserted(reply.text, {name: re.escape(name.lower()) for name in self.added.classes})


@dataclass(eq=False)
class _Thing:
    """Where is the one such thing? Of several, none would be the answer."""

    NAME: str
    added: Specialty
    number: int
    intent: Intent

    def rows(self, records: Sequence[Record]) -> list[Row]:
        marked = [
            (r, [at for label, at in r.boxes if self.added.thing_of(label) == self.number]) for r in records
        ]
        return [
            Row(r, self.intent.say, at[0], unseen=self.intent.held_out) for r, at in marked if len(at) == 1
        ]

    def parse(self, reply: Reply, row: Row) -> Truth | None:
        return first_box(reply)


def _fits(record: Record, added: Specialty) -> bool:
    """Whether the record is of a class, or marks a thing, that the adapter knows."""
    return added.class_of(record.labels) is not None or any(
        added.thing_of(label) is not None for label, _ in record.boxes
    )
