"""Which of three kinds of brain tumour is it? Every picture of the set shows one."""

from __future__ import annotations

from collections.abc import Sequence

from chat_app.evaluation.records import Record
from chat_app.evaluation.task import Reply, Row
from chat_app.evaluation.words import asserted

NAME = "tumour"
QUESTION = "What kind of tumour is this?"
HELD_OUT = (
    "Which tumour type would you suspect?",
    "What is the growth likely to be?",
    "Which entity is it in your opinion?",
)

WORDS = {"glioma": r"glioma|glioblastoma", "meningioma": r"meningioma", "pituitary tumor": r"pituitary"}


def rows(records: Sequence[Record]) -> list[Row]:
    brains = [record for record in records if record.kind == "brain"]
    return [Row(r, QUESTION, r.labels[0], unseen=HELD_OUT) for r in brains if set(r.labels) & set(WORDS)]


def parse(reply: Reply, row: Row) -> str | None:
    return asserted(reply.text, WORDS)
