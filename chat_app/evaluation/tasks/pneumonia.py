"""Is there pneumonia on the chest film?"""

from __future__ import annotations

import re
from collections.abc import Sequence

from chat_app.evaluation.records import Record
from chat_app.evaluation.task import Reply, Row
from chat_app.evaluation.words import refuses, says

NAME = "pneumonia"
QUESTION = "Is there pneumonia?"
HELD_OUT = ("Might this be a case of pneumonia?", "Would you diagnose pneumonia here?")
TRUTHS = {"Pneumonia": "yes", "No Finding": "no"}


def rows(records: Sequence[Record]) -> list[Row]:
    """Films with neither label are left out: what a reader did not name may be there."""
    films = [record for record in records if record.kind == "chest"]
    found = [(record, truth) for record in films for label, truth in TRUTHS.items() if label in record.labels]
    return [Row(record, QUESTION, truth, unseen=HELD_OUT) for record, truth in found]


def parse(reply: Reply, row: Row) -> str | None:
    """What is said of pneumonia first; then "normal"; then a bare yes or no."""
    found = says(reply.text, r"pneumonia")
    if found is not None:
        return "yes" if found else "no"
    if says(reply.text, r"normal\b"):
        return "no"
    bare = re.match(r"\s*(yes|no)\b", reply.text.lower())
    return bare[1] if bare and not refuses(reply.text) else None
