"""What a suite measured: the merit of every row, and the figures that are made of them.

A figure is the mean over columns of what was gained over what could be. Accuracy has one column, in which a
row may gain 1 of 1; F1 over all boxes gains twice the hits of all boxes drawn and all there are; a macro F1
has a column a label. So one resampling serves them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chat_app.data.records import Record
from chat_app.evaluation.score import Interval, wilson

DRAWS = 1000
SEED = 0

Merit = tuple[float, float]
"""What a row gained, of what it could gain."""

Merits = tuple[Merit, ...]
Sums = NDArray[np.float64]


class Way(StrEnum):
    """Whose replies were scored: the model's to the picture, or to what holds no news of it."""

    SEEN = "seen"
    UNSEEN = "unseen wording"
    BLANK = "blank"
    SHUFFLED = "shuffled"
    MAJORITY = "majority"


@dataclass(frozen=True, eq=False)
class Scored:
    """One row: the record it is about, what it gained by whose reply, and what else it is told apart by."""

    record: Record
    merits: Mapping[Way, Merits]
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Measure:
    """One metric of one task, row by row."""

    task: str
    metric: str
    rows: tuple[Scored, ...]

    @property
    def ways(self) -> tuple[Way, ...]:
        """Those by which every row was scored."""
        return tuple(way for way in Way if all(way in row.merits for row in self.rows))


@dataclass(frozen=True)
class Figure:
    """A value with its 95 % interval, on n rows of so many patients, cases or pictures."""

    value: float
    interval: Interval
    n: int
    clusters: int


def once(merit: float) -> Merits:
    """The merit of a row that may gain one."""
    return ((merit, 1.0),)


def clusters(rows: Iterable[Scored]) -> list[int]:
    """The number of the cluster of each row: its patient or case where one is named, else its picture."""
    numbers: dict[tuple[str, str | Path], int] = {}
    keys = [(row.record.set, row.record.group or row.record.path) for row in rows]
    return [numbers.setdefault(key, len(numbers)) for key in keys]


def value(rows: Sequence[Scored], way: Way = Way.SEEN) -> float:
    """The figure of these rows."""
    return float(ratios(_sums(rows, way, [0] * len(rows)))[0])


def figure(rows: Sequence[Scored], way: Way = Way.SEEN) -> Figure:
    """The figure of these rows, its interval by resampling whole clusters.

    Where each resampling gives the same (all right, or all wrong), Wilson's interval of as many clusters. Of
    one cluster nothing is known but that the value lies from 0 to 1.

    Raises:
        ValueError: there are no rows.
    """
    if not rows:
        raise ValueError("A figure of nothing has no interval.")
    numbers = clusters(rows)
    sums = _sums(rows, way, numbers)
    count, found = len(sums), value(rows, way)
    low, high = np.quantile(ratios(np.einsum("dc,ckm->dkm", weights(count), sums)), [0.025, 0.975])
    interval = (float(low), float(high))
    if low == high and found in (0.0, 1.0):
        interval = wilson(round(found * count), count)
    elif count == 1:
        interval = (0.0, 1.0)
    return Figure(found, interval, len(rows), count)


def weights(count: int) -> Sums:
    """How often each of `count` clusters is drawn, in each of DRAWS resamplings fixed by SEED."""
    drawn = np.random.default_rng(SEED).multinomial(count, [1 / count] * count, size=DRAWS)
    return drawn.astype(np.float64)


def ratios(sums: Sums) -> Sums:
    """Of sums (draws, columns, 2) each draw's figure; a column where nothing could be gained is left out."""
    gained, possible = sums[..., 0], sums[..., 1]
    counted = possible > 0
    shares = np.divide(gained, possible, out=np.zeros_like(gained), where=counted)
    columns: Any = np.maximum(counted.sum(axis=-1), 1)
    mean: Sums = shares.sum(axis=-1) / columns
    return mean


def added(merits: Sequence[Merits], numbers: Sequence[int]) -> Sums:
    """The merits of each cluster added up: (clusters, columns, 2)."""
    table = np.asarray(merits, np.float64)
    sums = np.zeros((max(numbers) + 1, *table.shape[1:]))
    np.add.at(sums, np.asarray(numbers), table)
    return sums


def _sums(rows: Sequence[Scored], way: Way, numbers: Sequence[int]) -> Sums:
    return added([row.merits[way] for row in rows], numbers)
