"""Where things are: every labelled box of a picture is asked for by its label.

What is drawn can be exported as RadFact's grounded phrases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chat_app.data.records import Corners, Record
from chat_app.evaluation.measure import Measure, Merits, Scored, Way, once
from chat_app.evaluation.score import matched, mean_box
from chat_app.evaluation.suite import Exam, Outcome
from chat_app.evaluation.task import Reply, Row

NAME = "grounding"
MODEL = ""
TAKES = ("radfact",)
PROTOCOL = (
    'One question a row and label, "Where is the LABEL?". Of the boxes drawn those with the label count, or '
    "all where none has it. They are paired with the true ones, each once, by falling overlap. F1: pairs "
    "from an overlap of 0.5, of all boxes drawn and all there are. mIoU: the overlap of each true box with "
    "the one it is paired with, 0 where there is none. Models give boxes no score, so there is no mAP."
)
NORMALISER = ""

QUESTION = "Where is the {}?"
TASK = "boxes"
ENOUGH = 0.5

ASKED = (Way.SEEN, Way.BLANK, Way.SHUFFLED)
Places = Sequence[Corners]


def run(exam: Exam) -> Outcome:
    labels = exam.chosen(sorted({label.lower() for record in exam.here for label, _ in record.boxes}))
    rows = exam.drawn([row for record in exam.here for row in _rows(record, labels)])
    if not rows:
        return Outcome([])
    exam.say(f"{TASK}: {len(rows)} questions")
    examiner = exam.examiner
    replies = {way: examiner.replies(rows, way) for way in ASKED if examiner.can(rows, way)}
    drawn = {
        way: [_boxes(reply, row.part) for reply, row in zip(said, rows, strict=True)]
        for way, said in replies.items()
    }
    always = {label: _always(exam.train or exam.here, label) for label in labels}
    drawn[Way.MAJORITY] = [always[row.part] for row in rows]
    found = [_matched(drawn, number, row) for number, row in enumerate(rows)]
    return Outcome(
        [
            Measure(TASK, "F1 at IoU 0.5", _scored(rows, [hits for hits, _, _ in found])),
            Measure(TASK, "mIoU", _scored(rows, [overlaps for _, overlaps, _ in found])),
            Measure(TASK, "answered", _scored(rows, [answered for _, _, answered in found])),
        ],
        radfact=phrases(rows, drawn[Way.SEEN]),
    )


Ways = Mapping[Way, Merits]


def _matched(drawn: Mapping[Way, Sequence[Places]], number: int, row: Row) -> tuple[Ways, Ways, Ways]:
    """By whose reply: the F1's merit, the mean overlap's, and whether anything was drawn."""
    truth = _truth(row.record, row.part)
    pairs = {way: matched(places[number], truth) for way, places in drawn.items()}
    hits = {way: sum(share >= ENOUGH for share in shares) for way, shares in pairs.items()}
    count = {way: len(places[number]) + len(truth) for way, places in drawn.items()}
    return (
        {way: ((2.0 * hits[way], float(count[way])),) for way in drawn},
        {way: ((sum(pairs[way]), float(len(truth))),) for way in drawn},
        {way: once(float(bool(places[number]))) for way, places in drawn.items() if way in ASKED},
    )


def _scored(rows: Sequence[Row], merits: Sequence[Ways]) -> tuple[Scored, ...]:
    return tuple(
        Scored(row.record, merit, {"label": row.part}) for row, merit in zip(rows, merits, strict=True)
    )


def _rows(record: Record, labels: Iterable[str]) -> list[Row]:
    own = {label.lower() for label, _ in record.boxes}
    return [Row(record, QUESTION.format(label), "", part=label) for label in labels if label in own]


def _truth(record: Record, label: str) -> list[Corners]:
    return [corners for name, corners in record.boxes if name.lower() == label]


def _boxes(reply: Reply, label: str) -> list[Corners]:
    """The boxes that carry the label, or all where none does."""
    named = [corners for name, corners in reply.boxes if name.lower() == label]
    return named or [corners for _, corners in reply.boxes]


def _always(train: Sequence[Record], label: str) -> list[Corners]:
    """The mean of the boxes with this label; none where none was learnt from."""
    places = [corners for record in train for corners in _truth(record, label)]
    return [mean_box(places)] if places else []


def phrases(rows: Sequence[Row], drawn: Sequence[Places]) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Candidates and references by picture, as RadFact's GroundedPhraseList.from_list_of_dicts reads them.

    A phrase is the label; "boxes" is null where nothing was drawn (microsoft/RadFact, grounded_phrase_list).
    """
    candidates: dict[str, list[dict[str, Any]]] = {}
    references: dict[str, list[dict[str, Any]]] = {}
    for row, places in zip(rows, drawn, strict=True):
        candidates.setdefault(row.record.name, []).append(_phrase(row.part, places))
        truth = _truth(row.record, row.part)
        references.setdefault(row.record.name, []).append(_phrase(row.part, truth))
    return {"candidates": candidates, "references": references}


def _phrase(label: str, places: Places) -> dict[str, Any]:
    names = ("x_min", "y_min", "x_max", "y_max")
    boxes = [dict(zip(names, (round(side, 4) for side in corners), strict=True)) for corners in places]
    return {"text": label, "boxes": boxes or None}
