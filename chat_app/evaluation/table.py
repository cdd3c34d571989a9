"""Shows an evaluation: as lines for a reader, as a table for a model card, as data for a program."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from chat_app import __version__
from chat_app.evaluation import subgroups
from chat_app.evaluation.measure import Figure, Measure, Merits, Way, clusters, figure, value
from chat_app.evaluation.run import Evaluation

BESIDE = (Way.MAJORITY, Way.BLANK, Way.SHUFFLED, Way.UNSEEN)
HEADINGS = ("task", "metric", "n", "value", "95 % interval", *BESIDE)
NOTE = (
    "95 % interval: by resampling patients, cases or, where the set names neither, pictures.\n"
    "majority: the training split's most frequent answer, or mean box, applied here.\n"
    "blank: the same questions on a black picture. shuffled: on another picture of the set.\n"
    "unseen wording: phrasings kept out of training."
)
DIGITS = 4


def as_data(evaluation: Evaluation) -> dict[str, Any]:
    """Plain values for JSON; what a measure has no figure for is left out."""
    return {
        "suite": evaluation.suite,
        "protocol": evaluation.protocol,
        "normaliser": evaluation.normaliser,
        "split": evaluation.split,
        "limit": evaluation.limit,
        "data": {"sha256": evaluation.data, "pictures": evaluation.leak.scored},
        "model": asdict(evaluation.model) if evaluation.model else None,
        "dtype": evaluation.held.dtype,
        "adapter": evaluation.held.adapter,
        "prompts": evaluation.prompts,
        "lightbox": __version__,
        "leak": {
            "scored": evaluation.leak.scored,
            "trained": evaluation.leak.trained,
            "alike": len(evaluation.leak.alike),
            "share": round(evaluation.leak.share, DIGITS),
            "shared": evaluation.leak.is_shared,
            "says": evaluation.leak.says,
        },
        "measures": [_measure(measure, evaluation) for measure in evaluation.measures],
        "skipped": list(evaluation.skipped),
    }


def as_file(form: Mapping[str, Any]) -> str:
    """That as JSON with a line for each part and each measure, for it holds a merit for every row."""
    parts = [f"{json.dumps(name)}: {_lines(value)}" for name, value in form.items()]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _lines(value: Any) -> str:
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(json.dumps(each, ensure_ascii=False) for each in value) + "\n]"
    return json.dumps(value, ensure_ascii=False)


def as_text(evaluation: Evaluation) -> str:
    """The table in aligned columns, what it means, whether it leaks, and what was skipped."""
    lines = aligned([HEADINGS, *(_cells(measure) for measure in evaluation.measures)])
    said = [evaluation.protocol, NOTE, evaluation.leak.says, *_without(evaluation)]
    return "\n".join([*lines, "", *said, *(f"Note: {reason}." for reason in evaluation.skipped)])


def as_markdown(evaluation: Evaluation) -> str:
    """The table as a model card shows it."""
    rows = [HEADINGS, ("---",) * len(HEADINGS), *(_cells(measure) for measure in evaluation.measures)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _measure(measure: Measure, evaluation: Evaluation) -> dict[str, Any]:
    beside = {way.value: round(value(measure.rows, way), DIGITS) for way in BESIDE if way in measure.ways}
    clean = _clean(measure, evaluation)
    return {
        "task": measure.task,
        "metric": measure.metric,
        **_figure(figure(measure.rows)),
        **beside,
        **({"without alike": _figure(clean)} if clean else {}),
        "subgroups": {
            name: {group: _figure(found) for group, found in groups.items()}
            for name, groups in subgroups.figures(measure.rows).items()
        },
        "rows": _rows(measure),
    }


def _rows(measure: Measure) -> dict[str, Any]:
    """Column by column: the id of each row, the number of its cluster, what it gained by whose reply."""
    return {
        "id": [row.record.name for row in measure.rows],
        "cluster": clusters(measure.rows),
        "merits": {
            way.value: [_merits(row.merits[way]) for row in measure.rows] for way in measure.ways
        },
    }


def _merits(merits: Merits) -> float | list[list[float]]:
    """Pairs of gained and possible; where one could be gained, what was."""
    if len(merits) == 1 and merits[0][1] == 1:
        return _short(merits[0][0])
    return [[_short(gained), _short(possible)] for gained, possible in merits]


def _short(number: float) -> float:
    """As few digits as say it: 1 instead of 1.0."""
    plain = round(number, DIGITS)
    return int(plain) if plain == int(plain) else plain


def _clean(measure: Measure, evaluation: Evaluation) -> Figure | None:
    """The figure without the rows whose pictures leak; None where all do, or none."""
    kept = [row for row in measure.rows if row.record.path not in evaluation.leak.alike]
    return figure(kept) if 0 < len(kept) < len(measure.rows) else None


def _without(evaluation: Evaluation) -> list[str]:
    found = [(measure, _clean(measure, evaluation)) for measure in evaluation.measures]
    return [
        f"Without those pictures: {measure.task} {measure.metric} {clean.value:.2f} "
        f"({_range(clean)}) on {clean.n} rows."
        for measure, clean in found
        if clean
    ]


def _figure(found: Figure) -> dict[str, Any]:
    low, high = found.interval
    return {
        "n": found.n,
        "clusters": found.clusters,
        "value": round(found.value, DIGITS),
        "interval": [round(low, DIGITS), round(high, DIGITS)],
    }


def _cells(measure: Measure) -> tuple[str, ...]:
    found = figure(measure.rows)
    beside = (f"{value(measure.rows, way):.2f}" if way in measure.ways else "" for way in BESIDE)
    return (
        measure.task,
        measure.metric,
        str(found.n),
        f"{found.value:.2f}",
        _range(found),
        *beside,
    )


def _range(found: Figure) -> str:
    return f"{found.interval[0]:.2f}-{found.interval[1]:.2f}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Cells as lines: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(_padded(row, widths)).rstrip() for row in rows]


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *rest = zip(row, widths, strict=True)
    return [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
