"""Is a picture of no known kind refused, and one of a known kind not? As many of each, by a fixed seed."""

from __future__ import annotations

import random
from collections.abc import Sequence

from chat_app.evaluation.records import Record
from chat_app.evaluation.task import Reply, Row
from chat_app.evaluation.tasks import modality
from chat_app.evaluation.words import refuses

NAME = "outside"
QUESTION = modality.QUESTION
HELD_OUT = modality.HELD_OUT


def rows(records: Sequence[Record]) -> list[Row]:
    strange = list({record.path: record for record in _outside(records)}.values())
    known = [record for record in records if record.kind]
    drawn = random.Random(0).sample(known, min(len(known), len(strange)))
    refused = [Row(record, QUESTION, "refused", unseen=HELD_OUT) for record in strange]
    return refused + [Row(record, QUESTION, "answered", unseen=HELD_OUT) for record in drawn]


def parse(reply: Reply, row: Row) -> str | None:
    if not reply.text.strip():
        return None
    return "refused" if refuses(reply.text) else "answered"


def _outside(records: Sequence[Record]) -> list[Record]:
    """Pictures whose record names another kind, pictures of the abdomen, and pictures a reader called CT."""
    computed = {record.path for record in records if _is_called_ct(record)}
    unknown = [record for record in records if not record.kind]
    return [r for r in unknown if r.modality or r.said.get("organ") == "ABD" or r.path in computed]


def _is_called_ct(record: Record) -> bool:
    asked, answer = str(record.said.get("question_type", "")), str(record.said.get("answer", ""))
    return "MODALITY" in asked and answer.upper().startswith(("CT", "CAT", "COMPUTED"))
