"""Does the breast ultrasound show no lesion, a benign or a malignant one?"""

from __future__ import annotations

from collections.abc import Sequence

from chat_app.evaluation.records import Record
from chat_app.evaluation.task import Reply, Row
from chat_app.evaluation.words import asserted, says

NAME = "breast"
QUESTION = "Is the breast lesion benign or malignant?"
HELD_OUT = ("How would you class the lesion?", "Is this lump harmless or malignant?", "Benign or cancerous?")

CLASSES = {"benign", "malignant", "normal"}
WORDS = {"benign": r"benign|harmless", "malignant": r"malignan|cancer"}
LESION = r"(?:focal )?(?:lesions?|mass(?:es)?|lumps?|tumou?rs?)\b"


def rows(records: Sequence[Record]) -> list[Row]:
    breasts = [record for record in records if record.kind == "breast"]
    return [Row(r, QUESTION, r.labels[0], unseen=HELD_OUT) for r in breasts if set(r.labels) & CLASSES]


def parse(reply: Reply, row: Row) -> str | None:
    """A lesion that is denied is the answer "normal"."""
    claim = asserted(reply.text, WORDS)
    if claim:
        return claim
    return "normal" if says(reply.text, r"normal\b") or says(reply.text, LESION) is False else None
