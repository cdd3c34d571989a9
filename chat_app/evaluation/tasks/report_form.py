"""Does the draft report have findings and an impression, whatever they say?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chat_app.evaluation.records import Record
from chat_app.evaluation.task import Reply, Row
from chat_app.evaluation.tasks import report

NAME = "report_form"
WHOLE = "whole"


def rows(records: Sequence[Record]) -> list[Row]:
    return [replace(row, truth=WHOLE) for row in report.rows(records)]


def parse(reply: Reply, row: Row) -> str | None:
    found = report.sections(reply.text)
    return WHOLE if found.get("Findings") and found.get("Impression") else None
