"""What the tasks that ask "where is the one ...?" have in common."""

from __future__ import annotations

from collections.abc import Sequence

from chat_app.evaluation.records import Corners, Record
from chat_app.evaluation.task import Reply, Row


def rows_of_one(
    records: Sequence[Record], kind: str, label: str, question: str, unseen: tuple[str, ...]
) -> list[Row]:
    """A row for each picture of `kind` with exactly one box of that label: of several, none is the answer."""
    pictures = [(record, record.boxes_of(label)) for record in records if record.kind == kind]
    return [Row(record, question, boxes[0], unseen=unseen) for record, boxes in pictures if len(boxes) == 1]


def first_box(reply: Reply) -> Corners | None:
    """Only the first box counts, so that many guesses gain nothing."""
    return reply.boxes[0][1] if reply.boxes else None
