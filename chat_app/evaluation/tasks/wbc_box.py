"""Where is the white blood cell? Right is an overlap of at least 0.5."""

from __future__ import annotations

from collections.abc import Sequence

from chat_app.evaluation.place import first_box, rows_of_one
from chat_app.evaluation.records import Corners, Record
from chat_app.evaluation.task import Reply, Row

NAME = "wbc_box"
QUESTION = "Where is the white blood cell?"
HELD_OUT = ("Where should I look for the leukocyte?", "Draw a box round the white cell.", "Show me the WBC.")


def rows(records: Sequence[Record]) -> list[Row]:
    return rows_of_one(records, "blood", "WBC", QUESTION, HELD_OUT)


def parse(reply: Reply, row: Row) -> Corners | None:
    return first_box(reply)
