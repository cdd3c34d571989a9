"""Which part of the body does it show?"""

from __future__ import annotations

from collections.abc import Sequence

from chat_app.evaluation.records import Record
from chat_app.evaluation.task import Reply, Row
from chat_app.evaluation.words import asserted

NAME = "body_part"
QUESTION = "Which part of the body is shown?"
HELD_OUT = ("What anatomy do we see?", "From which body region does this come?", "Name the region imaged.")

WORDS = {
    "chest": r"chest|thora|lungs?\b",
    "brain": r"brain|head\b|cerebr|intracranial",
    "blood": r"blood",
}


def rows(records: Sequence[Record]) -> list[Row]:
    return [Row(r, QUESTION, r.kind, unseen=HELD_OUT) for r in records if r.kind]


def parse(reply: Reply, row: Row) -> str | None:
    return asserted(reply.text, WORDS)
