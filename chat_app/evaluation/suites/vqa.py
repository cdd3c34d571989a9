"""Questions that people wrote about pictures, with their answers: VQA-RAD, SLAKE, PathVQA and their like."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from chat_app import prompts
from chat_app.data.records import Record
from chat_app.evaluation import answers
from chat_app.evaluation.measure import Measure, Scored, Way, once
from chat_app.evaluation.score import most_frequent
from chat_app.evaluation.suite import Exam, Outcome
from chat_app.evaluation.task import Reply, Row

NAME = "vqa"
MODEL = ""
TAKES: tuple[str, ...] = ()
PROTOCOL = (
    "One question a row, each in a conversation of its own, greedy. Closed: right when the reply's first "
    "word is the yes or no, or it names any other answer, undenied, and no other choice of the question; of "
    "lettered choices, which are asked along, by letter or words. "
    "Open: F1 and recall of the true answer's words, and exact match, after the normaliser."
)
NORMALISER = answers.NORMALISER

BRIEF = "brief"
"""The prompt that asks a model for a short answer; one that takes questions word for word gets none."""

Metric = Callable[[str, Record], float]

CLOSED: dict[str, Metric] = {
    "accuracy": lambda said, record: _closed(said, record),
}
OPEN: dict[str, Metric] = {
    "token F1": lambda said, record: answers.f1(said, record.answer),
    "token recall": lambda said, record: answers.recall(said, record.answer),
    "exact match": lambda said, record: answers.exact(said, record.answer),
}
METRICS = {"closed": CLOSED, "open": OPEN}
ANSWERED = "answered"

ASKED = (Way.SEEN, Way.BLANK, Way.SHUFFLED)


def run(exam: Exam) -> Outcome:
    chosen = exam.chosen(list(METRICS))
    return Outcome([measure for name in chosen for measure in _measured(exam, name)])


def _measured(exam: Exam, name: str) -> Iterator[Measure]:
    rows = [_row(exam, record) for record in exam.drawn(_of(exam.here, name))]
    if not rows:
        return
    exam.say(f"{name}: {len(rows)} questions")
    always = _majority(_of(exam.train, name) or [row.record for row in rows])
    examiner = exam.examiner
    texts = {
        way: [_said(reply) for reply in examiner.replies(rows, way)]
        for way in ASKED
        if examiner.can(rows, way)
    }
    beside = {**texts, Way.MAJORITY: [always] * len(rows)}
    for metric, merit in METRICS[name].items():
        yield Measure(name, metric, _scored(rows, beside, merit))
    yield Measure(name, ANSWERED, _scored(rows, texts, lambda said, _: answers.answered(said)))


def _scored(rows: Sequence[Row], texts: Mapping[Way, Sequence[str]], merit: Metric) -> tuple[Scored, ...]:
    return tuple(
        Scored(row.record, {way: once(merit(said[number], row.record)) for way, said in texts.items()})
        for number, row in enumerate(rows)
    )


def _of(records: Sequence[Record], name: str) -> list[Record]:
    return [each for each in records if each.question and each.answer and each.answer_type == name.upper()]


def _row(exam: Exam, record: Record) -> Row:
    choices = (f"{letter}: {words}" for letter, words in _choices(record).items())
    question = "\n".join([record.question, *choices])
    return Row(record, question if exam.taught else prompts.render(BRIEF, question=question), record.answer)


def _choices(record: Record) -> Mapping[str, str]:
    """Of a question with lettered choices, those."""
    found: Mapping[str, str] = record.said.get("choices") or {}
    return found


def _closed(said: str, record: Record) -> float:
    if choices := _choices(record):
        return answers.chosen(said, record.answer, choices)
    return answers.closed(said, record.answer, record.question)


def _said(reply: Reply) -> str:
    """What the model said; a refusal that the program made for it is no answer."""
    return "" if reply.fixed else reply.text


def _majority(records: Sequence[Record]) -> str:
    """The commonest answer, as it is normalised."""
    return most_frequent([" ".join(answers.tokens(record.answer)) for record in records])
