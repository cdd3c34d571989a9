"""Which values of a grey DICOM frame become black and white: by lookup table, window, or percentiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from highdicom.pixels import apply_voi_window
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from chat_app.imaging import lut
from chat_app.imaging.grey import percentile_range, scale, to_bytes
from chat_app.records import Window

if TYPE_CHECKING:
    from chat_app.records import Pixels

    Shown = tuple[Pixels, Window | None, str]

FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
PERCENTILE = "1st to 99th percentile"


def by_table(tables: Sequence[Dataset], values: NDArray[Any], *, is_little: bool) -> Shown:
    """The first VOI lookup table; its lowest entry is black and its highest white, as in highdicom."""
    table = lut.read(tables[0], is_little=is_little)
    low, high = float(table.entries.min()), float(table.entries.max())
    more = f", the first of {len(tables)}" if len(tables) > 1 else ""
    if low == high:
        return np.zeros(values.shape, np.uint8), None, "The VOI lookup table is flat: shown black."
    return scale(table.apply(values), low, high), None, f"VOI lookup table of the file{more}."


def by_window(windows: Sequence[Window], values: NDArray[Any], function: str) -> Shown:
    """The first window; the others are named. LINEAR of width 1 is a threshold (PS3.3 C.11.2.1.2)."""
    window = windows[0]
    if function == "LINEAR" and window.width == 1:
        pixels = np.where(values <= window.center - 0.5, 0, 255).astype(np.uint8)
    else:
        with np.errstate(over="ignore"):  # a steep sigmoid
            levels = apply_voi_window(values, window.center, window.width, function, output_range=(0, 255))
        pixels = to_bytes(levels)
    return pixels, window, _named(windows)


def by_percentile(values: NDArray[Any], padding: NDArray[np.bool_]) -> Shown:
    """No window in the file: the 1st to 99th percentile of what is not padding."""
    edges = percentile_range(values[~padding])
    if edges is None:
        return np.zeros(values.shape, np.uint8), None, "Every pixel has the same value: shown black."
    low, high = edges
    window = Window((low + high) / 2, high - low, PERCENTILE)
    return scale(values, low, high), window, f"Window {_text(window)} ({PERCENTILE}): the file has none."


def function(settings: Dataset) -> str:
    """VOI LUT Function, LINEAR when absent or unknown (PS3.3 C.11.2.1.3)."""
    stated = str(settings.get("VOILUTFunction") or "")
    return stated if stated in FUNCTIONS else "LINEAR"


def windows(settings: Dataset, function: str) -> list[Window]:
    """The file's windows of a legal width, in order; its names for them are free text and left."""
    least = 1.0 if function == "LINEAR" else math.ulp(0.0)
    pairs = zip(numbers(settings.get("WindowCenter")), numbers(settings.get("WindowWidth")), strict=False)
    return [Window(c, w) for c, w in pairs if math.isfinite(c) and least <= w < math.inf]


def numbers(value: Any) -> list[float]:
    """One value, several (pydicom's MultiValue is no list) or none."""
    if value is None or value == "":
        return []
    return [float(item) for item in value] if isinstance(value, MultiValue) else [float(value)]


def _named(windows: Sequence[Window]) -> str:
    first = f"Window {_text(windows[0])}"
    if len(windows) == 1:
        return f"{first} from the file."
    others = ", ".join(map(_text, windows[1:]))
    return f"{first}, the first of {len(windows)} in the file; the others: {others}."


def _text(window: Window) -> str:
    return f"{window.center:g}/{window.width:g}"
