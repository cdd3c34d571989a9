"""Are there white cells, are there platelets in the smear? Each is scored apart; red cells are in all."""

from __future__ import annotations

from collections.abc import Sequence

from chat_app.evaluation.records import Record
from chat_app.evaluation.task import Reply, Row
from chat_app.evaluation.words import says

NAME = "cells"
QUESTION = "Which cells are there?"
HELD_OUT = ("List the cell types you see.", "What cells does the smear contain?", "Name every kind of cell.")

LABELS = {"white cells": "WBC", "platelets": "Platelets"}
WORDS = {"white cells": r"white|wbcs?\b|leu[ck]ocyt", "platelets": r"platelet|thrombocyt"}
ANY = r"red\b|rbcs?\b|erythrocyt|white|wbcs?\b|leu[ck]ocyt|platelet|thrombocyt"


def rows(records: Sequence[Record]) -> list[Row]:
    return [
        Row(record, QUESTION, _truth(record, label), part=part, unseen=HELD_OUT)
        for record in records
        if record.kind == "blood"
        for part, label in LABELS.items()
    ]


def parse(reply: Reply, row: Row) -> str | None:
    """A list of cells that leaves a kind out says that it is absent."""
    if says(reply.text, ANY) is None:
        return None
    return "present" if says(reply.text, WORDS[row.part]) else "absent"


def _truth(record: Record, label: str) -> str:
    return "present" if label in record.labels else "absent"
