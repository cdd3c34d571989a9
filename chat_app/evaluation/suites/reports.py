"""Reports that radiologists wrote, against drafts: MIMIC-CXR, IU X-ray and their like."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from chat_app.data.records import Record
from chat_app.evaluation import chexpert, radeval, wording
from chat_app.evaluation.measure import Measure, Merits, Scored, Way, once
from chat_app.evaluation.score import most_frequent
from chat_app.evaluation.suite import Exam, Outcome
from chat_app.evaluation.task import Reply, Row

NAME = "reports"
MODEL = ""
TAKES = ("radeval",)
PROTOCOL = (
    "One picture a row, without history or prior films; pictures of one study share its report. Findings and "
    "impression of the draft, as far as the model wrote them, against those of the report, or its whole text "
    "where it has neither. BLEU-4 and ROUGE-L: the mean over reports. The 14 labels by rules "
    f"({chexpert.VERSION}), uncertain ones counted as claimed; F1 over all labels (micro) and the mean of "
    "the labels' own (macro), those left out that neither side ever claims."
)
NORMALISER = chexpert.VERSION

TASK = "report"
TEMPLATES = {"chest": "chest-radiograph"}
OTHERWISE = "general"
SECTIONS = ("findings", "impression")
DRAFTED = ("Findings", "Impression")

ASKED = (Way.SEEN, Way.BLANK, Way.SHUFFLED)
Score = Callable[[Sequence[str], Sequence[str]], Sequence[Merits]]


def run(exam: Exam) -> Outcome:
    exam.chosen([TASK])
    records = exam.drawn(_told(exam.here))
    if not records:
        return Outcome([])
    exam.say(f"{TASK}: {len(records)} drafts")
    rows = [Row(record, "", "", template=TEMPLATES.get(record.kind, OTHERWISE)) for record in records]
    truths = [reference(record) for record in records]
    examiner = exam.examiner
    drafts = {
        way: [candidate(reply) for reply in examiner.replies(rows, way)]
        for way in ASKED
        if examiner.can(rows, way)
    }
    always = most_frequent([reference(record) for record in _told(exam.train) or records])
    texts = {**drafts, Way.MAJORITY: [always] * len(records)}
    measures = [_measure(records, metric, texts, truths, score) for metric, score in _metrics().items()]
    measures.append(_measure(records, "answered", drafts, truths, _answered))
    if exam.radeval:
        exam.say("Waiting for RadEval ...")
        measures += _by_radeval(exam.radeval, records, drafts[Way.SEEN], truths)
    return Outcome(measures)


def reference(record: Record) -> str:
    """What a draft is held against."""
    parts = [record.sections[name] for name in SECTIONS if record.sections.get(name)]
    return "\n".join(parts) or record.report


def candidate(reply: Reply) -> str:
    """What the model wrote of findings and impression, without the headings."""
    parts = re.split(r"^# ", reply.text, flags=re.MULTILINE)
    told = {title.strip(): body.strip() for title, _, body in (part.partition("\n") for part in parts)}
    return "\n".join(told[title] for title in DRAFTED if told.get(title))


def _told(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if reference(record)]


def _metrics() -> Mapping[str, Score]:
    def near(nearness: wording.Nearness) -> Score:
        return lambda replies, truths: [once(one) for one in nearness(replies, truths)]

    return {
        "14-label micro F1": _micro,
        "14-label macro F1": _macro,
        **{name: near(nearness) for name, nearness in wording.METRICS.items()},
    }


def _macro(replies: Sequence[str], truths: Sequence[str]) -> list[Merits]:
    return [chexpert.merits(reply, truth) for reply, truth in zip(replies, truths, strict=True)]


def _micro(replies: Sequence[str], truths: Sequence[str]) -> list[Merits]:
    """All labels in one column."""
    return [
        ((sum(gained for gained, _ in labels), sum(possible for _, possible in labels)),)
        for labels in _macro(replies, truths)
    ]


def _answered(replies: Sequence[str], truths: Sequence[str]) -> list[Merits]:
    return [once(float(bool(reply))) for reply in replies]


def _measure(
    records: Sequence[Record],
    metric: str,
    texts: Mapping[Way, Sequence[str]],
    truths: Sequence[str],
    score: Score,
) -> Measure:
    merits = {way: score(replies, truths) for way, replies in texts.items()}
    rows = (
        Scored(record, {way: found[number] for way, found in merits.items()})
        for number, record in enumerate(records)
    )
    return Measure(TASK, metric, tuple(rows))


def _by_radeval(
    python: str, records: Sequence[Record], drafts: Sequence[str], truths: Sequence[str]
) -> list[Measure]:
    """RadEval's metrics of the drafts alone: some take a large model a report."""
    return [
        Measure(TASK, f"RadEval {name}", tuple(map(_once_seen, records, values)))
        for name, values in radeval.scores(python, drafts, truths).items()
    ]


def _once_seen(record: Record, score: float) -> Scored:
    return Scored(record, {Way.SEEN: once(score)})
