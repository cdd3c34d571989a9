"""Numbers of any depth become grey from 0 to 255, scaled to their own range and not cut off at eight bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from chat_app.records import Pixels

LOW, HIGH = 1, 99


def percentile_range(values: NDArray[Any]) -> tuple[float, float] | None:
    """The 1st and 99th percentile of the finite values; all of their range when those two are the same.

    None when there is no contrast to show: no finite value, or one value everywhere.
    """
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if finite.size == 0:
        return None
    low, high = (float(edge) for edge in np.percentile(finite, (LOW, HIGH)))
    if low == high:
        low, high = float(finite.min()), float(finite.max())
    return (low, high) if low < high else None


def scale(values: NDArray[Any], low: float, high: float) -> Pixels:
    """Grey 0 at `low` and below, 255 at `high` and above; what is not a number is black."""
    levels = values.astype(np.float64)
    levels -= low
    levels *= 255 / (high - low)
    return to_bytes(levels)


def to_bytes(levels: NDArray[np.float64]) -> Pixels:
    """Levels from 0 to 255 rounded half up. Works in place, because a frame may have 64 million of them."""
    np.nan_to_num(levels, copy=False, posinf=255.0, neginf=0.0)
    levels += 0.5
    np.floor(levels, out=levels)
    return np.clip(levels, 0, 255, out=levels).astype(np.uint8)
