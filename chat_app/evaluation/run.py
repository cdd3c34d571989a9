"""Runs the tasks over a folder of labelled pictures and scores them against what needs no picture."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from chat_app.errors import InputError
from chat_app.evaluation import records as recorded
from chat_app.evaluation import task as tasks
from chat_app.evaluation.ask import Asked, Examiner
from chat_app.evaluation.records import Record
from chat_app.evaluation.score import Interval, bootstrap, mean_box, most_frequent, overlap, wilson
from chat_app.evaluation.task import Reply, Row, Task, Truth
from chat_app.records import ModelId

ENOUGH = 0.5
"""The overlap (intersection over union) from which a box counts as right."""


@dataclass(frozen=True)
class Score:
    """One line of the table; every share is of the same n rows.

    accuracy: share of right replies, with its 95 % Wilson interval. majority: what the training split's most
    frequent truth (its mean box) would score here, from this split where there is no training split.
    blank: accuracy on black pictures. unseen_wording: accuracy in words kept out of training.
    mean_iou: of tasks that ask where, with its bootstrap interval and what the mean box scores: where all
    pictures are framed alike, as lungs are, the mean box passes most thresholds and only this tells.
    """

    task: str
    n: int
    accuracy: float
    interval: Interval
    majority: float
    blank: float
    unseen_wording: float | None = None
    mean_iou: float | None = None
    mean_iou_interval: Interval | None = None
    mean_iou_majority: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """All scores of one split; `skipped` says what was left out and why, one sentence each."""

    model: ModelId | None
    split: str
    scores: tuple[Score, ...]
    skipped: tuple[str, ...]


def evaluate(
    assistant: Asked,
    data: Path,
    split: str = "test",
    *,
    names: Sequence[str] = (),
    limit: int = 100,
    agreed: tuple[str, ...] = (),
    say: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """Scores of every task, or of those named, on at most `limit` rows each (0: all), drawn by a fixed seed.

    agreed: the machines that may be sent to. say: is told of each task as it begins.

    Raises:
        InputError: `data` holds no records, none of that split, or a name is no task.
        SetupError: a records.jsonl is malformed.
    """
    records, skipped = recorded.read(data)
    here = _of(records, split)
    chosen = _chosen(names)
    with tempfile.TemporaryDirectory() as folder:
        examiner = Examiner(assistant, Path(folder), agreed)
        scores = []
        for task, rows in ((one, rows) for one in chosen for rows in _parts(one.rows(here))):
            drawn = _drawn(rows, limit)
            say(f"{_title(task, drawn)}: {len(drawn)} rows")
            scores.append(_score(examiner, task, drawn, _prior(task, records, rows)))
    if examiner.faults:
        skipped.append(f"{examiner.faults} questions that ended in an error, counted as wrong")
    return Evaluation(examiner.model, split, tuple(scores), (*skipped, *_unused(chosen, here)))


def _of(records: Sequence[Record], split: str) -> list[Record]:
    here = [record for record in records if record.split == split]
    if not here:
        known = ", ".join(sorted({record.split for record in records}))
        raise InputError(f"There are no records of the split {split!r}: choose one of {known}.")
    return here


def _chosen(names: Sequence[str]) -> list[Task]:
    known = {task.NAME: task for task in tasks.known()}
    for name in names:
        if name not in known:
            raise InputError(f"There is no task {name!r}: choose from {', '.join(known)}.")
    return [known[name] for name in names or known]


def _parts(rows: Sequence[Row]) -> list[list[Row]]:
    parts: dict[str, list[Row]] = {}
    for row in rows:
        parts.setdefault(row.part, []).append(row)
    return list(parts.values())


def _prior(task: Task, records: Sequence[Record], rows: Sequence[Row]) -> Truth:
    """The training split's commonest truth or mean box for this part; of `rows` where there is none."""
    learnt = [row for row in task.rows(_train(records)) if row.part == rows[0].part]
    truths = [row.truth for row in learnt or rows]
    places = [truth for truth in truths if not isinstance(truth, str)]
    return mean_box(places) if places else most_frequent(truths)


def _train(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if record.split == "train"]


def _score(examiner: Examiner, task: Task, rows: Sequence[Row], always: Truth) -> Score:
    def merits(replies: Iterable[Reply]) -> list[float]:
        return [_merit(task.parse(reply, row), row.truth) for reply, row in zip(replies, rows, strict=True)]

    seen = merits(examiner.reply(row) for row in rows)
    unseen = merits(examiner.unseen_reply(row, n) for n, row in enumerate(rows)) if rows[0].unseen else None
    prior = [_merit(always, row.truth) for row in rows]
    placed = not isinstance(always, str)
    return Score(
        task=_title(task, rows),
        n=len(rows),
        accuracy=_share(seen),
        interval=wilson(_right(seen), len(seen)),
        majority=_share(prior),
        blank=_share(merits(examiner.blank_reply(row) for row in rows)),
        unseen_wording=_share(unseen) if unseen else None,
        mean_iou=fmean(seen) if placed else None,
        mean_iou_interval=bootstrap(seen) if placed else None,
        mean_iou_majority=fmean(prior) if placed else None,
    )


def _title(task: Task, rows: Sequence[Row]) -> str:
    return ".".join(filter(None, (task.NAME, rows[0].part)))


def _drawn(rows: Sequence[Row], limit: int) -> Sequence[Row]:
    return random.Random(0).sample(rows, limit) if 0 < limit < len(rows) else rows


def _merit(claim: Truth | None, truth: Truth) -> float:
    """1 or 0 for a class, the overlap for a place; a claim of the wrong sort is worth nothing."""
    if isinstance(truth, str) or isinstance(claim, str) or claim is None:
        return float(claim == truth)
    return overlap(claim, truth)


def _right(merits: Sequence[float]) -> int:
    return sum(merit >= ENOUGH for merit in merits)


def _share(merits: Sequence[float]) -> float:
    return _right(merits) / len(merits)


def _unused(chosen: Sequence[Task], here: Sequence[Record]) -> list[str]:
    """The sets of this split that no task had a question for."""
    used = {row.record.set for task in chosen for row in task.rows(here)}
    return [f"{name}: no task asks about it" for name in sorted({record.set for record in here} - used)]
