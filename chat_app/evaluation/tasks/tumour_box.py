"""Where is the tumour? Right is an overlap of at least 0.5."""

from __future__ import annotations

from collections.abc import Sequence

from chat_app.evaluation.place import first_box, rows_of_one
from chat_app.evaluation.records import Corners, Record
from chat_app.evaluation.task import Reply, Row

NAME = "tumour_box"
QUESTION = "Where is the tumour?"
HELD_OUT = (
    "Where should I look for the tumour?",
    "Draw a box round the growth.",
    "Show me the site of the tumour.",
)


def rows(records: Sequence[Record]) -> list[Row]:
    return rows_of_one(records, "brain", "", QUESTION, HELD_OUT)


def parse(reply: Reply, row: Row) -> Corners | None:
    return first_box(reply)
