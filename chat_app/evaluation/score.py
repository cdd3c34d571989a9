"""Figures and how sure they are: shares, overlaps, intervals, and what no picture at all would score."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import TypeVar

from chat_app.evaluation.records import Corners

Interval = tuple[float, float]
Answered = TypeVar("Answered", bound=Hashable)

Z95 = 1.959964
"""Standard normal quantile of a two-sided 95 % interval."""


def wilson(right: int, n: int) -> Interval:
    """The 95 % score interval of a share (Wilson 1927); rows are taken as independent.

    Raises:
        ValueError: n is 0.
    """
    if n < 1:
        raise ValueError("A share of nothing has no interval.")
    share, z2 = right / n, Z95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def overlap(one: Corners, other: Corners) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (_area(one) + _area(other) - shared)


def matched(one: Sequence[Corners], others: Sequence[Corners]) -> list[float]:
    """The overlaps of pairs, each box in one at most: the largest overlap first, then the largest left.

    Where boxes crowd, another pairing may have a larger sum; this one is what COCO's and most others do.
    """
    pairs = sorted(
        ((overlap(a, b), first, second) for first, a in enumerate(one) for second, b in enumerate(others)),
        key=lambda pair: (-pair[0], pair[1:]),
    )
    firsts, seconds, found = set[int](), set[int](), list[float]()
    for share, first, second in pairs:
        if share > 0 and first not in firsts and second not in seconds:
            firsts.add(first)
            seconds.add(second)
            found.append(share)
    return found


def _area(box: Corners) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def most_frequent(values: Sequence[Answered]) -> Answered:
    """The commonest value; of equally common ones the first met. IndexError when there are none."""
    return Counter(values).most_common(1)[0][0]


def mean_box(boxes: Sequence[Corners]) -> Corners:
    """Corner by corner mean. ZeroDivisionError when there are none."""
    x0, y0, x1, y1 = (sum(side) / len(boxes) for side in zip(*boxes, strict=True))
    return x0, y0, x1, y1
