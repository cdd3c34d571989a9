"""Rankings and how several become one, by reciprocal rank: it knows places, not what the scores mean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

Ranking = Sequence[tuple[int, float]]

# Cormack, Clarke and Büttcher, Reciprocal rank fusion outperforms Condorcet and individual rank learning
# methods, SIGIR 2009: chosen there once, and left alone since.
K = 60


def fused(rankings: Iterable[Ranking], k: int = K) -> list[tuple[int, float]]:
    """Every row that is in any, best first: the sum of 1 / (k + its place, from 1) over the rankings."""
    scores: defaultdict[int, float] = defaultdict(float)
    for ranking in rankings:
        for place, (row, _) in enumerate(ranking, 1):
            scores[row] += 1 / (k + place)
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))


def first(scores: Any, most: int) -> list[tuple[int, float]]:
    """The rows of the highest scores above 0, (rows,), best first; the earlier row where they are equal."""
    if most < 1 or not len(scores):
        return []
    best = np.argpartition(-scores, min(most, len(scores)) - 1)[:most]
    ordered = best[np.lexsort((best, -scores[best]))]
    return [(int(row), float(scores[row])) for row in ordered if scores[row] > 0]
