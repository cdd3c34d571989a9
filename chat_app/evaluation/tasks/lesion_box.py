"""Where is the breast lesion? Right is an overlap of at least 0.5."""

from __future__ import annotations

from collections.abc import Sequence

from chat_app.evaluation.place import first_box, rows_of_one
from chat_app.evaluation.records import Corners, Record
from chat_app.evaluation.task import Reply, Row

NAME = "lesion_box"
QUESTION = "Where is the lesion?"
HELD_OUT = (
    "Where should I look for the mass?",
    "Draw a box round the mass.",
    "Show me the site of the lesion.",
)


def rows(records: Sequence[Record]) -> list[Row]:
    return rows_of_one(records, "breast", "lesion", QUESTION, HELD_OUT)


def parse(reply: Reply, row: Row) -> Corners | None:
    return first_box(reply)
