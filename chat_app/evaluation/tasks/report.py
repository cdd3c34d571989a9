"""Does the draft report have findings and an impression, and does the impression name the right class?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chat_app.evaluation.records import Record
from chat_app.evaluation.task import Reply, Row, Task, Truth
from chat_app.evaluation.tasks import normal, tumour

NAME = "report"
TEMPLATES = {"chest": "chest-radiograph", "brain": "general"}
READERS: Mapping[str, Task] = {"chest": normal, "brain": tumour}


def rows(records: Sequence[Record]) -> list[Row]:
    return [
        Row(row.record, "", row.truth, template=TEMPLATES[kind])
        for kind, reader in READERS.items()
        for row in reader.rows(records)
    ]


def parse(reply: Reply, row: Row) -> Truth | None:
    """The class of the impression; None when it or the findings are missing."""
    found = sections(reply.text)
    if not (found.get("Findings") and found.get("Impression")):
        return None
    return READERS[row.record.kind].parse(Reply(found["Impression"]), row)


def sections(text: str) -> dict[str, str]:
    """The drafted sections by title: each begins with "# Title"."""
    parts = [part.partition("\n") for part in text.split("# ") if part]
    return {title.strip(): body.strip() for title, _, body in parts}
