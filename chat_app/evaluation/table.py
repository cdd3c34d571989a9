"""Shows an evaluation: as lines for a reader, as a table for a model card, as data for a program."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from chat_app.evaluation.run import Evaluation, Score
from chat_app.evaluation.score import Interval

HEADINGS = (
    "task",
    "n",
    "accuracy",
    "95 % interval",
    "majority",
    "blank",
    "unseen wording",
    "mean IoU",
    "of mean box",
)
NOTE = (
    "majority: the training split's most frequent answer, or mean box, applied here.\n"
    "blank: the same questions on a black picture. unseen wording: phrasings kept out of training.\n"
    "A box is right from an overlap of 0.5. Rows are taken as independent: where several pictures are\n"
    "of one patient the interval is too narrow."
)


def as_data(evaluation: Evaluation) -> dict[str, Any]:
    """Plain values for JSON; what a task has no figure for is left out."""
    return {
        "model": asdict(evaluation.model) if evaluation.model else None,
        "split": evaluation.split,
        "tasks": [_plain(score) for score in evaluation.scores],
        "skipped": list(evaluation.skipped),
    }


def as_text(evaluation: Evaluation) -> str:
    """The table in aligned columns, what it means, and what was skipped."""
    rows = [HEADINGS, *(_cells(score) for score in evaluation.scores)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = ["  ".join(_aligned(row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, "", NOTE, *(f"Skipped: {reason}." for reason in evaluation.skipped)])


def as_markdown(evaluation: Evaluation) -> str:
    """The table as a model card shows it."""
    rows = [HEADINGS, ("---",) * len(HEADINGS), *(_cells(score) for score in evaluation.scores)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _plain(score: Score) -> dict[str, Any]:
    return {key: _rounded(value) for key, value in asdict(score).items() if value is not None}


def _rounded(value: Any) -> Any:
    if isinstance(value, tuple):
        return [round(part, 4) for part in value]
    return round(value, 4) if isinstance(value, float) else value


def _cells(score: Score) -> tuple[str, ...]:
    return (
        score.task,
        str(score.n),
        _figure(score.accuracy),
        _range(score.interval),
        _figure(score.majority),
        _figure(score.blank),
        _figure(score.unseen_wording),
        f"{_figure(score.mean_iou)} {_range(score.mean_iou_interval)}".strip(),
        _figure(score.mean_iou_majority),
    )


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _range(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval[0]:.2f}-{interval[1]:.2f}"


def _aligned(row: tuple[str, ...], widths: list[int]) -> list[str]:
    first, *rest = zip(row, widths, strict=True)
    return [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
