"""Was the chest film taken from the front or from the back?"""

from __future__ import annotations

from collections.abc import Sequence

from chat_app.evaluation.records import Record
from chat_app.evaluation.task import Reply, Row
from chat_app.evaluation.words import asserted

NAME = "view"
QUESTION = "Which view is this, AP or PA?"
HELD_OUT = ("Which projection was used?", "Tell me the projection: AP or PA.", "Frontal view: AP or PA?")

WORDS = {"AP": r"ap\b|antero-?\s?posterior", "PA": r"pa\b|postero-?\s?anterior"}


def rows(records: Sequence[Record]) -> list[Row]:
    views = [(record, str(record.said.get("view", ""))[:2]) for record in records if record.kind == "chest"]
    return [Row(record, QUESTION, view, unseen=HELD_OUT) for record, view in views if view in WORDS]


def parse(reply: Reply, row: Row) -> str | None:
    return asserted(reply.text, WORDS)
