"""Runs a suite over a split, looks for leaks, and keeps with the figures what is needed to get them again."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chat_app import prompts
from chat_app.data.records import Record
from chat_app.errors import InputError
from chat_app.evaluation import leak as leaks
from chat_app.evaluation import records as recorded
from chat_app.evaluation import suite as suites
from chat_app.evaluation.ask import Asked, Examiner, shuffled
from chat_app.evaluation.holding import Held
from chat_app.evaluation.leak import Leak
from chat_app.evaluation.measure import Measure
from chat_app.evaluation.suite import Exam
from chat_app.records import ModelId

UNKNOWN = Held()


@dataclass(frozen=True, eq=False)
class Evaluation:
    """All that was measured of one split.

    split: as it was asked for. limit: most rows a task, 0 for all. data: SHA-256 of the scored records and
    their pictures. prompts: of all that is said to a model. skipped: what was left out and why, one sentence
    each. radfact: the boxes drawn and the true ones as RadFact reads them, {} where none were asked for.
    """

    suite: str
    protocol: str
    normaliser: str
    split: str
    limit: int
    data: str
    model: ModelId | None
    held: Held
    prompts: str
    measures: tuple[Measure, ...]
    leak: Leak
    skipped: tuple[str, ...]
    radfact: Mapping[str, Any] = field(default_factory=dict)


def evaluate(
    suite: str,
    assistant: Asked,
    data: Path,
    split: str = "test",
    *,
    names: Sequence[str] = (),
    limit: int = 100,
    trained: Path | None = None,
    agreed: tuple[str, ...] = (),
    held: Held = UNKNOWN,
    radeval: str = "",
    say: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """What the suite measures of `assistant`, on at most `limit` rows a task (0: all), drawn by a fixed seed.

    split: its name, or FIELD=NAME by another field of the records. names: the tasks, all without any.
    trained: a folder of what the model was trained on, beside the training split here. agreed: the machines
    that may be sent to. held: how the model is held. radeval: the Python that has RadEval. say: is told of
    each task as it begins.

    Raises:
        InputError: `data` holds no records, none of that split or none for this suite; or a name is no task.
        SetupError: a set is malformed, or something is not installed.
    """
    asked = suites.named(suite)
    everything, skipped = recorded.read(data)
    records, name = recorded.split_by(everything, split)
    here, notes = recorded.regrouped(recorded.in_split(records, name))
    train = [record for record in records if record.split == recorded.TRAIN]
    with tempfile.TemporaryDirectory() as folder:
        examiner = Examiner(assistant, Path(folder), shuffled(here), agreed, say=say)
        outcome = asked.run(Exam(examiner, here, train, names, limit, held.taught, radeval, held.added, say))
    if not outcome.measures:
        raise InputError(f"The suite {suite} finds nothing to ask about in this split: {asked.__doc__}")
    if examiner.faults:
        skipped.append(f"{examiner.faults} questions that ended in an error, counted as wrong")
    scored = _scored(outcome.measures)
    return Evaluation(
        suite=suite,
        protocol=asked.PROTOCOL,
        normaliser=asked.NORMALISER,
        split=split,
        limit=limit,
        data=fingerprint(scored),
        model=examiner.model,
        held=held,
        prompts=prompts.fingerprint(),
        measures=tuple(outcome.measures),
        leak=leaks.look(scored, [*train, *(recorded.read(trained)[0] if trained else ())], say),
        skipped=(*skipped, *notes, *outcome.skipped),
        radfact=outcome.radfact,
    )


def fingerprint(records: Iterable[Record]) -> str:
    """The SHA-256 of records, whatever their order: their names, labels, words and pictures."""
    lines = sorted(json.dumps(_labels(record), ensure_ascii=False, sort_keys=True) for record in records)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _labels(record: Record) -> list[Any]:
    picture = hashlib.sha256(record.path.read_bytes()).hexdigest()
    words = (record.question, record.answer, record.answer_type, record.report, dict(record.sections))
    return [record.name, picture, record.labels, record.boxes, *words, record.group]


def _scored(measures: Iterable[Measure]) -> list[Record]:
    """Each record that is in a figure, once."""
    return list({row.record.name: row.record for measure in measures for row in measure.rows}.values())
