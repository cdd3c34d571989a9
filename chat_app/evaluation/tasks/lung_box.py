"""Where are the lungs? The patient's right and left are scored apart, by an overlap of at least 0.5."""

from __future__ import annotations

from collections.abc import Sequence

from chat_app.evaluation.records import Corners, Record
from chat_app.evaluation.task import Reply, Row

NAME = "lung_box"
QUESTION = "Where are the lungs?"
HELD_OUT = (
    "I would like to see the outline of both lungs.",
    "Draw a box round each lung.",
    "Mark the lung fields.",
)


def rows(records: Sequence[Record]) -> list[Row]:
    return [
        Row(record, QUESTION, boxes[0], part=side, unseen=HELD_OUT)
        for record in records
        for side in ("right", "left")
        if len(boxes := record.boxes_of(f"{side} lung")) == 1
    ]


def parse(reply: Reply, row: Row) -> Corners | None:
    """The box labelled with the side; of two unlabelled ones the patient's right is the picture's left."""
    named = [corners for label, corners in reply.boxes if row.part in label.lower()]
    if named:
        return named[0]
    if len(reply.boxes) != 2 or any(_has_side(label) for label, _ in reply.boxes):
        return None
    right, left = sorted((corners for _, corners in reply.boxes), key=lambda corners: corners[0])
    return right if row.part == "right" else left


def _has_side(label: str) -> bool:
    return "right" in label.lower() or "left" in label.lower()
