"""Which kind of picture is it?"""

from __future__ import annotations

from collections.abc import Sequence

from chat_app.evaluation.records import Record
from chat_app.evaluation.task import Reply, Row
from chat_app.evaluation.words import asserted

NAME = "modality"
QUESTION = "What kind of image is this?"
HELD_OUT = (
    "By which technique was this made?",
    "Which imaging technique produced it?",
    "Is it an X-ray or something else?",
)

KINDS = {"chest": "X-ray", "brain": "MR", "blood": "microscopy"}
WORDS = {
    "X-ray": r"x-?\s?rays?\b|radiograph",
    "MR": r"mri?\b|magnetic resonance",
    "ultrasound": r"ultraso|sonogra",
    "microscopy": r"microscop|(?:blood )?smear",
}


def rows(records: Sequence[Record]) -> list[Row]:
    return [Row(r, QUESTION, KINDS[r.kind], unseen=HELD_OUT) for r in records if r.kind]


def parse(reply: Reply, row: Row) -> str | None:
    return asserted(reply.text, WORDS)
