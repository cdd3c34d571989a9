"""Is there pneumonia on the chest film? In this set nearly every film that lacks it is normal."""

from __future__ import annotations

import re
from collections.abc import Sequence

from chat_app.evaluation.records import Record
from chat_app.evaluation.task import Reply, Row
from chat_app.evaluation.words import refuses, says

NAME = "pneumonia"
QUESTION = "Is there pneumonia?"
HELD_OUT = ("Might this be a case of pneumonia?", "Would you diagnose pneumonia here?")
# The only set whose labels would name it: others name the germ.
LABELLED = "cxr_nih"


def rows(records: Sequence[Record]) -> list[Row]:
    films = [record for record in records if record.set == LABELLED]
    return [Row(r, QUESTION, "yes" if "Pneumonia" in r.labels else "no", unseen=HELD_OUT) for r in films]


def parse(reply: Reply, row: Row) -> str | None:
    """What is said of pneumonia first; then "normal"; then a bare yes or no."""
    found = says(reply.text, r"pneumonia")
    if found is not None:
        return "yes" if found else "no"
    if says(reply.text, r"normal\b"):
        return "no"
    bare = re.match(r"\s*(yes|no)\b", reply.text.lower())
    return bare[1] if bare and not refuses(reply.text) else None
