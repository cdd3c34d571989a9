"""The ways to show one grey frame: tables and windows of its file, or percentiles; and how each is applied.

highdicom applies the windows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from highdicom.pixels import apply_voi_window
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from chat_app.imaging import lut
from chat_app.imaging.grey import percentile_range, scale, to_bytes
from chat_app.records import Look, Window

if TYPE_CHECKING:
    from chat_app.records import Pixels

FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
IN_FILE = "as in the file"
OF_FILE = "file, "
PERCENTILE = "1st to 99th percentile"
STORED = "as stored"
FLAT = "no contrast"
AS_STORED = Look(STORED, Window(127.5, 255), "LINEAR_EXACT")
# What a file may call its windows (WindowCenterWidthExplanation is free text, where a name may stand).
NAMES = (
    "ABDOMEN",
    "ANGIO",
    "BONE",
    "BRAIN",
    "CHEST",
    "HARDER",
    "HEAD",
    "LIVER",
    "LUNG",
    "MEDIASTINUM",
    "NORMAL",
    "PELVIS",
    "SOFTER",
    "SOFT TISSUE",
    "SPINE",
    "STROKE",
    "SUBDURAL",
)


def looks(settings: Dataset, *, is_real: bool, is_little: bool) -> tuple[Look, ...]:
    """The tables and windows of the file, tables first; the first of all is how it asks to be shown.

    is_real: its values are real numbers, of which LINEAR, that counts whole steps, has none.
    """
    tables = settings.get("VOILUTSequence") or []
    found = [_of_table(lut.read(item, is_little=is_little), place) for place, item in enumerate(tables, 1)]
    found += _windows(settings, _function(settings, is_real))
    return (replace(found[0], name=IN_FILE), *found[1:]) if found else ()


def percentiles(values: NDArray[Any], slope: float = 1.0, intercept: float = 0.0) -> Look:
    """The 1st to 99th percentile of values that are no padding; black where they are all the same."""
    edges = percentile_range(values)
    if edges is None:
        finite = values[np.isfinite(values)]
        lowest = float(finite.min()) if finite.size else 0.0
        # Linear from the value up, so that what has no contrast is black.
        return Look(PERCENTILE, Window(lowest * slope + intercept + 0.5, 1.0, FLAT), "LINEAR_EXACT")
    low, high = sorted(edge * slope + intercept for edge in edges)
    return Look(PERCENTILE, Window((low + high) / 2, high - low, PERCENTILE), "LINEAR_EXACT")


def apply(look: Look, values: NDArray[Any]) -> Pixels:
    """Grey 0 to 255 of values in the modality's units (PS3.3 C.11.2); what is not a number is black.

    LINEAR of width 1 is a threshold (PS3.3 C.11.2.1.2).
    """
    window = look.window
    if look.table is not None:
        places = np.rint(np.nan_to_num(values)) - look.first
        return np.asarray(look.table[np.clip(places, 0, len(look.table) - 1).astype(np.intp)])
    if look.name == PERCENTILE:
        return scale(values, window.center - window.width / 2, window.center + window.width / 2)
    if look.function == "LINEAR" and window.width == 1:
        return np.where(values <= window.center - 0.5, 0, 255).astype(np.uint8)
    with np.errstate(over="ignore"):  # a steep sigmoid
        levels = apply_voi_window(values, window.center, window.width, look.function, output_range=(0, 255))
    return to_bytes(levels)


def said(look: Look, every: Sequence[Look]) -> str:
    """What is shown, in words, "" as stored; the other windows of the file are named with its first."""
    if look.table is not None:
        return "The VOI lookup table is flat: shown black." if not look.table.any() else _said_table(every)
    if look.name == STORED:
        return ""
    if look.window.name == FLAT:
        return "Every pixel has the same value: shown black."
    if look.name == PERCENTILE:
        return f"Window {text(look.window)} ({PERCENTILE}): the file has none."
    if look.name == IN_FILE:
        return _said_windows(every)
    return f"Window {text(look.window)} ({look.name or 'chosen by hand'})."


def numbers(value: Any) -> list[float]:
    """One value, several (pydicom's MultiValue is no list) or none."""
    if value is None or value == "":
        return []
    return [float(item) for item in value] if isinstance(value, MultiValue) else [float(value)]


def text(window: Window) -> str:
    return f"{window.center:g}/{window.width:g}"


def _function(settings: Dataset, is_real: bool) -> str:
    """VOI LUT Function, LINEAR when absent or unknown (PS3.3 C.11.2.1.3)."""
    stated = str(settings.get("VOILUTFunction") or "")
    function = stated if stated in FUNCTIONS else "LINEAR"
    return "LINEAR_EXACT" if function == "LINEAR" and is_real else function


def _windows(settings: Dataset, function: str) -> list[Look]:
    """The file's windows of a legal width, in order."""
    least = 1.0 if function == "LINEAR" else math.ulp(0.0)
    centers, widths = numbers(settings.get("WindowCenter")), numbers(settings.get("WindowWidth"))
    explained = settings.get("WindowCenterWidthExplanation") or []
    names = [explained] if isinstance(explained, str) else list(explained)
    found = []
    for place, (center, width) in enumerate(zip(centers, widths, strict=False)):
        if math.isfinite(center) and least <= width < math.inf:
            name = _known(names[place : place + 1]) or f"window {place + 1}"
            found.append(Look(OF_FILE + name, Window(center, width), function))
    return found


def _known(explanation: Sequence[object]) -> str:
    """The file's own name for a window, when it is a word of NAMES."""
    name = " ".join(str(word) for word in explanation).strip().upper().replace("_", " ")
    return name.lower() if name in NAMES else ""


def _of_table(table: lut.Table, place: int) -> Look:
    """A VOI table; its lowest entry is black and its highest white, as in highdicom."""
    low, high = float(table.entries.min()), float(table.entries.max())
    flat = np.zeros(table.entries.shape, np.uint8)
    window = Window(table.first + (len(flat) - 1) / 2, float(len(flat)))
    grey = scale(table.entries, low, high) if low < high else flat
    return Look(f"{OF_FILE}table {place}", window, "LINEAR_EXACT", grey, table.first)


def _said_table(every: Sequence[Look]) -> str:
    count = sum(look.table is not None for look in every)
    return f"VOI lookup table of the file{f', the first of {count}' if count > 1 else ''}."


def _said_windows(every: Sequence[Look]) -> str:
    first, *others = (text(look.window) for look in every if look.name.startswith((IN_FILE, OF_FILE)))
    if not others:
        return f"Window {first} from the file."
    return f"Window {first}, the first of {len(others) + 1} in the file; the others: {', '.join(others)}."
