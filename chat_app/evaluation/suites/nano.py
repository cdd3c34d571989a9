"""What nano was taught: kinds, views, findings, cells, places, refusals, each task a file.

The tasks lie in chat_app/evaluation/tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from chat_app.data.records import Record
from chat_app.evaluation import task as tasks
from chat_app.evaluation.measure import Measure, Scored, Way, once
from chat_app.evaluation.score import mean_box, most_frequent, overlap
from chat_app.evaluation.suite import Exam, Outcome
from chat_app.evaluation.task import Reply, Row, Task, Truth

NAME = "nano"
MODEL = "nano"
TAKES: tuple[str, ...] = ()
PROTOCOL = (
    "One question a row; a class is right when the reply asserts it and no other, a box from an overlap of "
    "0.5 of the first one drawn, a refusal when the reply says that it cannot tell."
)
NORMALISER = ""

ENOUGH = 0.5
"""The overlap (intersection over union) from which a box counts as right."""

ASKED = (Way.SEEN, Way.UNSEEN, Way.BLANK, Way.SHUFFLED)


def run(exam: Exam) -> Outcome:
    known = {task.NAME: task for task in tasks.known()}
    chosen = [known[name] for name in exam.chosen(list(known))]
    measures = [measure for task in chosen for measure in measured(exam, task)]
    return Outcome(measures, _unused(chosen, exam.here))


def measured(exam: Exam, task: Task) -> Iterator[Measure]:
    for rows in _parts(task.rows(exam.here)):
        drawn = exam.drawn(rows)
        title = ".".join(filter(None, (task.NAME, rows[0].part)))
        exam.say(f"{title}: {len(drawn)} rows")
        always = _prior(task, exam.train, rows)
        overlaps = _overlaps(exam, task, drawn, always)
        yield Measure(title, "accuracy", _scored(drawn, overlaps, lambda one: float(one >= ENOUGH)))
        if not isinstance(always, str):
            yield Measure(title, "mean IoU", _scored(drawn, overlaps, float))


def _overlaps(exam: Exam, task: Task, rows: Sequence[Row], always: Truth) -> dict[Way, list[float]]:
    """How near each reply comes to its row's truth: 1 or 0 for a class, the overlap for a place."""

    def each(replies: Iterable[Reply]) -> list[float]:
        return [near(task.parse(reply, row), row.truth) for reply, row in zip(replies, rows, strict=True)]

    examiner = exam.examiner
    found = {way: each(examiner.replies(rows, way)) for way in ASKED if examiner.can(rows, way)}
    return {**found, Way.MAJORITY: [near(always, row.truth) for row in rows]}


def _scored(
    rows: Sequence[Row], near: Mapping[Way, list[float]], merit: Callable[[float], float]
) -> tuple[Scored, ...]:
    return tuple(
        Scored(row.record, {way: once(merit(values[number])) for way, values in near.items()})
        for number, row in enumerate(rows)
    )


def _parts(rows: Sequence[Row]) -> list[list[Row]]:
    parts: dict[str, list[Row]] = {}
    for row in rows:
        parts.setdefault(row.part, []).append(row)
    return list(parts.values())


def _prior(task: Task, train: Sequence[Record], rows: Sequence[Row]) -> Truth:
    """The training split's commonest truth or mean box for this part; of `rows` where there is none."""
    learnt = [row for row in task.rows(train) if row.part == rows[0].part]
    truths = [row.truth for row in learnt or rows]
    places = [truth for truth in truths if not isinstance(truth, str)]
    return mean_box(places) if places else most_frequent(truths)


def near(claim: Truth | None, truth: Truth) -> float:
    """1 or 0 for a class, the overlap for a place; a claim of the wrong sort is worth nothing."""
    if isinstance(truth, str) or isinstance(claim, str) or claim is None:
        return float(claim == truth)
    return overlap(claim, truth)


def _unused(chosen: Sequence[Task], here: Sequence[Record]) -> list[str]:
    """The sets of this split that no task had a question for."""
    used = {row.record.set for task in chosen for row in task.rows(here)}
    return [f"{name}: no task asks about it" for name in sorted({record.set for record in here} - used)]
