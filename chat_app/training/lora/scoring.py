"""What a model answers to held-out questions, word for word, on the path that everybody's questions take."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chat_app.data import pictures
from chat_app.data.records import Record
from chat_app.evaluation.score import wilson
from chat_app.grounding.boxes import readable
from chat_app.models.local.engine import SLOTS
from chat_app.training.lora import rows
from chat_app.training.lora.lessons import NAME, Classroom

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from chat_app.models.local.chat import LocalModel
    from chat_app.records import View

MOST = 100
"""Questions asked at most, of each sort of wording: an adapter's figures are taken twice."""


@dataclass(frozen=True, eq=False)
class Exam:
    """One held-out question as the model is asked it, and the right answer. new: in a wording kept apart."""

    messages: list[BaseMessage]
    answer: str
    view: View
    new: bool


@dataclass(frozen=True)
class Figure:
    """How many answers were right, word for word but for where their boxes lie, before and after."""

    n: int
    before: int
    after: int

    def as_data(self) -> dict[str, Any]:
        """For card.toml: shares with their 95 % intervals (Wilson)."""
        shares = {"before": self.before, "after": self.after}
        intervals = {f"{name}_interval": list(wilson(right, self.n)) for name, right in shares.items()}
        return {"n": self.n, **{name: right / self.n for name, right in shares.items()}, **intervals}

    @property
    def as_text(self) -> str:
        before, after = (_share(right, self.n) for right in (self.before, self.after))
        return f"{before} before, {after} after, of {self.n} questions"


def exams(room: Classroom, records: Sequence[Record], seed: int) -> list[Exam]:
    """A question about each of at most MOST records; a made one in a known and a new wording."""
    drawn = random.Random(f"exam {seed}").sample(list(records), min(MOST, len(records)))
    return [exam for record in drawn for exam in _exams(room, record, seed)]


def _exams(room: Classroom, record: Record, seed: int) -> list[Exam]:
    picture = pictures.opened(record.path)
    view = room.view(picture)
    mark = room.mark(view)
    rng = random.Random(f"exam {seed} {record.name}")
    found = []
    # A question that the set brings itself has one wording.
    for new in (False,) if record.exchanges else (False, True):
        ((question, answer),) = room.recipe.dialogue(record, room.vocabulary, rng, 1, mark, held_out=new)
        found.append(Exam(room.messages(picture, view, [(question, answer)]), answer, view, new))
    return found


def right(room: Classroom, model: LocalModel, found: Sequence[Exam], adapter: str = "") -> list[bool]:
    """Whether each answer is right, greedily written, a few side by side."""
    engine = model.engine
    longest = max(len(rows.answer(engine.reader, room.ends, exam.messages, exam.answer)) for exam in found)
    # No answer that is longer can be right, and one that says more is not taken for right.
    brief = model.model_copy(update={"temperature": 0.0, "max_new_tokens": longest + 1})
    messages: list[Any] = [exam.messages for exam in found]
    said = brief.batch(messages, {"max_concurrency": SLOTS}, adapter=adapter)
    return [_is_right(room, exam, str(each.text)) for exam, each in zip(found, said, strict=True)]


def figures(found: Sequence[Exam], before: Sequence[bool], after: Sequence[bool]) -> dict[str, Figure]:
    """By wording; the new ones only where there are some."""
    result = {}
    for name, is_new in (("answers", False), ("new wordings", True)):
        places = [place for place, exam in enumerate(found) if exam.new == is_new]
        if places:
            counts = (sum(marks[place] for place in places) for marks in (before, after))
            result[name] = Figure(len(places), *counts)
    return result


def _is_right(room: Classroom, exam: Exam, said: str) -> bool:
    form = room.card.contract.boxes
    wanted, given = (readable(text, [exam.view], [NAME], form).strip() for text in (exam.answer, said))
    return wanted == given


def _share(right: int, n: int) -> str:
    low, high = wilson(right, n)
    return f"{right / n:.0%} ({low:.0%} to {high:.0%})"
