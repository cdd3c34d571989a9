"""Is a question about something that this kind of picture cannot show refused, and a sound one not?"""

from __future__ import annotations

from collections.abc import Sequence

from chat_app.evaluation.records import Record
from chat_app.evaluation.task import Reply, Row
from chat_app.evaluation.words import refuses

NAME = "premise"
LUNGS, TUMOUR, LESION, CELL = (
    "Where are the lungs?",
    "Where is the tumour?",
    "Where is the lesion?",
    "Where is the white blood cell?",
)
HELD_OUT = {
    LUNGS: ("Please outline the lung fields.", "I would like to see both lungs."),
    TUMOUR: ("Please point at the brain tumour.", "Find me the tumour in the brain."),
    LESION: ("Please point at the breast lesion.", "Show me the lump in the breast."),
    CELL: ("Please point at the leukocyte.", "Show me a white cell."),
}

SOUND = {"chest": LUNGS, "brain": TUMOUR, "blood": CELL}
WRONG = {"chest": (CELL,), "brain": (LUNGS, CELL), "blood": (LUNGS, LESION)}


def rows(records: Sequence[Record]) -> list[Row]:
    """Each picture that shows what its kind is asked for gives one sound and one wrong question."""
    shown = [record for record in records if record.kind and _shows(record)]
    return [row for number, record in enumerate(shown) for row in _pair(record, number)]


def parse(reply: Reply, row: Row) -> str | None:
    if not reply.text.strip():
        return None
    return "refused" if refuses(reply.text) else "answered"


def _pair(record: Record, number: int) -> tuple[Row, Row]:
    sound, wrongs = SOUND[record.kind], WRONG[record.kind]
    wrong = wrongs[number % len(wrongs)]
    return (
        Row(record, sound, "answered", unseen=HELD_OUT[sound]),
        Row(record, wrong, "refused", unseen=HELD_OUT[wrong]),
    )


def _shows(record: Record) -> bool:
    """Chest films always show lungs; a lesion, a tumour or a white cell has to be boxed."""
    return record.kind == "chest" or bool(record.boxes_of("WBC" if record.kind == "blood" else ""))
