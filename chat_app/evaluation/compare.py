"""Two results on the same rows, row against row: by how much they differ, and whether chance would do it.

The test swaps the two results of whole clusters (approximate randomisation, Noreen 1989), which asks nothing
of the metric; the interval of the difference comes from resampling the same clusters in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from chat_app.errors import InputError
from chat_app.evaluation.measure import SEED, Merits, Sums, Way, added, once, ratios, weights
from chat_app.evaluation.score import Interval
from chat_app.evaluation.table import aligned

SWAPS = 10_000
SAME = {
    "suite": "suites",
    "normaliser": "normalisers",
    "protocol": "protocols",
    "split": "splits",
}
"""What both results must have in common, and how it is called when they have not."""

HEADINGS = ("task", "metric", "n", "A", "B", "B - A", "95 % interval", "p")
NOTE = "p: how often a difference as large comes about when A and B are swapped at random, two-sided."

Result = Mapping[str, Any]


@dataclass(frozen=True)
class Comparison:
    """One metric in both results; difference is the second's less the first's."""

    task: str
    metric: str
    n: int
    first: float
    second: float
    difference: float
    interval: Interval
    p: float


def compare(first: Result, second: Result) -> list[Comparison]:
    """Every metric that both have, tested in pairs.

    Raises:
        InputError: they are no results, or were not measured on the same rows in the same way.
    """
    ours, theirs = _measures(first), _measures(second)
    for key, what in SAME.items():
        if first.get(key) != second.get(key):
            raise InputError(f"The two results cannot be compared: their {what} differ.")
    if first["data"]["sha256"] != second["data"]["sha256"]:
        raise InputError(
            "The two results cannot be compared: they were measured on different data (another hash)."
        )
    shared = [key for key in ours if key in theirs]
    if not shared:
        raise InputError("The two results cannot be compared: no task is in both.")
    return [_compared(key, ours[key], theirs[key]) for key in shared]


def as_data(comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
    """Plain values for JSON."""
    return [asdict(each) for each in comparisons]


def as_text(comparisons: Sequence[Comparison]) -> str:
    """A table in aligned columns, and what its last one means."""
    return "\n".join([*aligned([HEADINGS, *map(_cells, comparisons)]), "", NOTE])


def _cells(each: Comparison) -> tuple[str, ...]:
    return (
        each.task,
        each.metric,
        str(each.n),
        f"{each.first:.3f}",
        f"{each.second:.3f}",
        f"{each.difference:+.3f}",
        f"{each.interval[0]:+.3f} to {each.interval[1]:+.3f}",
        f"{each.p:.4f}",
    )


def _measures(result: Result) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The rows of each metric, column by column."""
    try:
        found = {(each["task"], each["metric"]): each["rows"] for each in result["measures"]}
        result["data"]["sha256"]
    except (KeyError, TypeError) as error:
        raise InputError("This is no result of lightbox evaluate: write one with -o.") from error
    return found


def _compared(key: tuple[str, str], ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Comparison:
    task, metric = key
    if any(ours[column] != theirs[column] for column in ("id", "cluster")):
        raise InputError(f"The two results cannot be compared: {task} {metric} has other rows in each.")
    one, other = (added(_merits(rows), ours["cluster"]) for rows in (ours, theirs))
    first, second = (float(ratios(sums.sum(axis=0))) for sums in (one, other))
    low, high = np.quantile(_resampled(other) - _resampled(one), [0.025, 0.975])
    return Comparison(
        *(task, metric, len(ours["id"]), first, second, second - first),
        interval=(float(low), float(high)),
        p=_chance(one, other, abs(second - first)),
    )


def _merits(rows: Mapping[str, Any]) -> list[Merits]:
    """What each row gained of what it could: where a number stands, of one."""
    return [once(each) if isinstance(each, int | float) else each for each in rows["merits"][Way.SEEN]]


def _resampled(sums: Sums) -> Sums:
    """The figure in each resampling of the clusters; the same clusters for the same number of them."""
    return ratios(np.einsum("dc,ckm->dkm", weights(len(sums)), sums))


def _chance(one: Sums, other: Sums, difference: float) -> float:
    """The two-sided p value; never 0, as the order that was found is one of those that may come."""
    swapped = np.random.default_rng(SEED).integers(0, 2, (SWAPS, len(one))).astype(np.float64)
    moved = np.einsum("dc,ckm->dkm", swapped, other - one)
    differences = ratios(other.sum(axis=0) - moved) - ratios(one.sum(axis=0) + moved)
    as_far = int((np.abs(differences) >= difference - 1e-12).sum())
    return (as_far + 1) / (SWAPS + 1)
