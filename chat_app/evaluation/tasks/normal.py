"""Is the chest film normal? NIH's labels come from reports by text mining and are about 90 % right."""

from __future__ import annotations

import re
from collections.abc import Sequence

from chat_app.evaluation.records import Record
from chat_app.evaluation.task import Reply, Row
from chat_app.evaluation.words import refuses, says

NAME = "normal"
QUESTION = "Is this film normal?"
HELD_OUT = (
    "Can I tell the patient that the chest is fine?",
    "Is everything normal on it?",
    "Is the film unremarkable?",
)

FINDINGS = (
    r"abnormal|pneumonia|infiltrat|consolidat|opaci|effusion|edema|oedema|atelecta|pneumothorax|mass\b|nodule"
    r"|cardiomegaly|covid|fibrosis|emphysema|disease"
)
SOUND = r"normal\b|healthy|unremarkable|clear\b"


def rows(records: Sequence[Record]) -> list[Row]:
    chests = [(record, _truth(record)) for record in records if record.kind == "chest"]
    return [Row(record, QUESTION, truth, unseen=HELD_OUT) for record, truth in chests if truth]


def parse(reply: Reply, row: Row) -> str | None:
    """Findings and "normal" are read first; a bare yes or no counts as the answer to "is it normal?"."""
    finding, sound = says(reply.text, FINDINGS), says(reply.text, SOUND)
    if finding or sound is False:
        return "abnormal"
    if sound or finding is False:
        return "normal"
    bare = re.match(r"\s*(yes|no)\b", reply.text.lower())
    if bare and not refuses(reply.text):
        return "normal" if bare[1] == "yes" else "abnormal"
    return None


def _truth(record: Record) -> str:
    if not record.labels or "Unknown" in record.labels:
        return ""
    return "normal" if record.labels == ("No Finding",) else "abnormal"
