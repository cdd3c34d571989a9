"""Stored values of one DICOM frame become a Frame, and a Frame becomes what a workstation shows.

In DICOM's order: modality transform, VOI, presentation; windows and tables are applied by highdicom. Its
Image would do the whole chain, but refuses big-endian files and SOP classes it does not list, lets a
real-world map replace the window, shifts a LINEAR window when the slope is not 1, and leaves a VOI table
behind a modality table unscaled. A test holds both to the same pixels, within one grey.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset

from chat_app.errors import UnreadableFile
from chat_app.imaging import lut, overlay, presets, voi
from chat_app.imaging.grey import scale
from chat_app.records import Frame, Look, Window

if TYPE_CHECKING:
    from chat_app.records import Pixels

    Padding = tuple[float, float] | None

MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")  # what decoders make RGB of
MACROS = ("PixelValueTransformationSequence", "FrameVOILUTSequence", "CTImageFrameTypeSequence")
SETTINGS = (
    "ModalityLUTSequence",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
    "VOILUTSequence",
    "WindowCenter",
    "WindowWidth",
    "WindowCenterWidthExplanation",
    "VOILUTFunction",
    "FrameType",
)
OUTSIDE = -1.0  # stands for padding behind a modality table, whose values are never negative
LAID_OVER = ("COLOR", "MIXED")  # Pixel Presentation, of supplemental palettes (PS3.3 C.8.16.2.1.2)
INVERTED = "Inverted: the file stores white as its lowest value."


@dataclass(frozen=True, eq=False)
class Rendered:
    """Pixels as shown, the window used (None for a table, colour, or values as stored), and what was done."""

    pixels: Pixels
    window: Window | None
    notes: tuple[str, ...]


def frame(dataset: FileDataset, number: int, stored: NDArray[Any]) -> Frame:
    """One frame before any window, with the ways to show it; from 1, for its own functional group.

    stored: (rows, columns) or (rows, columns, 3), as decoded.

    Raises:
        UnreadableFile: the colour space is none that is known.
    """
    photometric = str(dataset.PhotometricInterpretation)
    drawn = overlay.drawn(dataset, number, stored.shape[:2])
    notes = _not_applied(dataset, has_overlay=drawn is not None)
    if stored.ndim == 3 and photometric in COLOURS:
        return Frame(_colour(dataset, stored), overlay=drawn, notes=(*_of_colour(dataset), *notes))
    if photometric == "PALETTE COLOR" and stored.ndim == 2:
        pixels = lut.palette(dataset, stored, is_little=_is_little(dataset))
        return Frame(pixels, overlay=drawn, notes=("Colour from the palette of the file.", *notes))
    if photometric not in MONOCHROME or stored.ndim != 2:
        raise UnreadableFile("The colour space of this DICOM file is not known: export it as grey or RGB.")
    is_inverted = _is_inverted(dataset)
    settings = _settings(dataset, number)
    values, padding, slope, intercept = _values(dataset, settings, stored)
    return Frame(
        values,
        slope,
        intercept,
        inverted=is_inverted,
        padding=padding,
        overlay=drawn,
        looks=_looks(dataset, settings, Grey(values, slope, intercept, padding)),
        notes=(*([INVERTED] if is_inverted else []), *notes),
    )


def show(shown: Frame, look: Look | None = None, *, overlay: bool = False) -> Pixels:
    """The frame in 8 bits, (rows, columns) or (rows, columns, 3): under its first look when none is given.

    Padding is black, and so is what is not a number, whether the frame is inverted or not.
    overlay: draws the file's own overlay in white.
    """
    pixels = _grey(shown, look or shown.looks[0]) if shown.looks else shown.values
    if overlay and shown.overlay is not None:
        pixels = pixels.copy()
        pixels[shown.overlay] = 255
    return pixels


def rendered(shown: Frame, look: Look | None = None) -> Rendered:
    """The same with the window that was used and what was done, in words."""
    if not shown.looks:
        return Rendered(show(shown), None, shown.notes)
    look = look or shown.looks[0]
    is_window = look.table is None and look.name != voi.STORED and look.window.name != voi.FLAT
    said = voi.said(look, shown.looks)
    notes = (said, *shown.notes) if said else shown.notes
    return Rendered(show(shown, look), look.window if is_window else None, notes)


@dataclass(frozen=True, eq=False)
class Grey:
    """Values with what makes them the modality's units, and which of them are padding."""

    values: NDArray[Any]
    slope: float
    intercept: float
    padding: Padding


def _looks(dataset: FileDataset, settings: Dataset, grey: Grey) -> tuple[Look, ...]:
    is_real = grey.values.dtype.kind == "f" and "PixelData" not in dataset
    found = voi.looks(settings, is_real=is_real, is_little=_is_little(dataset))
    if not found and _is_display_ready(dataset, settings):
        found = (voi.AS_STORED,)
    if not found:
        real = grey.values[~_is_padding(grey.values, grey.padding)]
        found = (voi.percentiles(real, grey.slope, grey.intercept),)
    return (*found, *presets.looks(dataset, settings))


def _grey(shown: Frame, look: Look) -> Pixels:
    pixels = _looked(shown, look)
    if shown.inverted:
        np.subtract(255, pixels, out=pixels)
    if shown.padding is not None:
        pixels[_is_padding(shown.values, shown.padding)] = 0
    if shown.values.dtype.kind == "f":
        pixels[np.isnan(shown.values)] = 0
    return pixels


def _looked(shown: Frame, look: Look) -> Pixels:
    """Grey of every value; worked out once for each value that occurs where that is less work."""
    values = shown.values
    if values.dtype.kind == "f" or not values.size:
        return voi.apply(look, _units(shown, values))
    low, high = int(values.min()), int(values.max())
    if high - low >= values.size:
        return voi.apply(look, _units(shown, values))
    every = voi.apply(look, _units(shown, np.arange(low, high + 1)))
    return every[values.astype(np.int32) - low]


def _units(shown: Frame, values: NDArray[Any]) -> NDArray[np.float64]:
    return values.astype(np.float64) * shown.slope + shown.intercept


def _settings(dataset: Dataset, number: int) -> Dataset:
    """What decides the look of one frame; its own functional group wins over the shared one and the file."""
    shared = dataset.get("SharedFunctionalGroupsSequence", [])[:1]
    own = dataset.get("PerFrameFunctionalGroupsSequence", [])[number - 1 : number]
    gathered = Dataset()
    for source in _with_macros([dataset, *shared, *own]):
        for keyword in SETTINGS:
            if keyword in source:
                gathered[keyword] = source[keyword]
    return gathered


def _with_macros(groups: Sequence[Dataset]) -> Iterator[Dataset]:
    for group in groups:
        yield group
        for macro in MACROS:
            yield from group.get(macro, [])[:1]


def _values(
    dataset: FileDataset, settings: Dataset, stored: NDArray[Any]
) -> tuple[NDArray[Any], Padding, float, float]:
    """Stored values and their line to the modality's units, or a table's output (PS3.3 C.11.1)."""
    padding = _padding(dataset, stored)
    if settings.get("ModalityLUTSequence"):
        table = lut.read(settings.ModalityLUTSequence[0], is_little=_is_little(dataset))
        values = table.apply(stored).astype(np.uint16)
        if padding is None:
            return values, None, 1.0, 0.0
        kept = np.where(_is_padding(stored, padding), np.float32(OUTSIDE), values.astype(np.float32))
        return kept, (OUTSIDE, OUTSIDE), 1.0, 0.0
    slope, intercept = _line(settings)
    return narrow(stored), padding, slope, intercept


def _line(settings: Dataset) -> tuple[float, float]:
    """Rescale Slope and Intercept; raises ValueError, when no value can be told from another by them."""
    stated = settings.get("RescaleSlope")
    slope, intercept = float(1 if stated is None else stated), float(settings.get("RescaleIntercept") or 0)
    if not slope or not math.isfinite(slope) or not math.isfinite(intercept):
        raise ValueError("a line to the modality's units that is none")
    return slope, intercept


def narrow(stored: NDArray[Any]) -> NDArray[Any]:
    """16 bits where they hold every value, else real numbers of 32 bits."""
    for kind in (np.uint16, np.int16):
        if np.can_cast(stored.dtype, kind):
            return stored.astype(kind)
    return stored.astype(np.float32)


def _colour(dataset: Dataset, stored: NDArray[Any]) -> Pixels:
    """RGB brought to 8 bits."""
    top = 2 ** int(dataset.BitsStored) - 1
    return stored.astype(np.uint8, copy=False) if top == 255 else scale(stored, 0, top)


def _of_colour(dataset: Dataset) -> list[str]:
    has_profile = bool(dataset.get("ICCProfile"))
    return ["Colour, shown as stored.", *(["The colour profile of the file is not applied."] * has_profile)]


def _not_applied(dataset: Dataset, *, has_overlay: bool) -> list[str]:
    """What the file asks for beyond what is shown."""
    asked = {
        "Overlays of the file are not drawn.": has_overlay,
        "The mask that the file asks for is not subtracted.": bool(dataset.get("MaskSubtractionSequence")),
        "The colours that the file lays over grey are not shown.": _has_colours_over(dataset),
        "The file is meant for processing and not for reading: its greys are raw.": _is_raw(dataset),
        "This is one tile of a slide and not the whole of it.": _is_tile(dataset),
    }
    return [note for note, is_asked in asked.items() if is_asked]


def _has_colours_over(dataset: Dataset) -> bool:
    is_grey = dataset.get("PhotometricInterpretation") in MONOCHROME
    return is_grey and dataset.get("PixelPresentation") in LAID_OVER


def _is_raw(dataset: Dataset) -> bool:
    """Presentation Intent Type (PS3.3 C.8.11.1)."""
    return bool(dataset.get("PresentationIntentType") == "FOR PROCESSING")


def _is_tile(dataset: Dataset) -> bool:
    """Total Pixel Matrix: of a slide scanner, whose frames are pieces (PS3.3 C.8.12.4.1.2)."""
    whole = dataset.get("TotalPixelMatrixColumns") or 0, dataset.get("TotalPixelMatrixRows") or 0
    return bool(whole[0] > dataset.Columns or whole[1] > dataset.Rows)


def _padding(dataset: Dataset, stored: NDArray[Any]) -> Padding:
    """The values that only fill the frame (PS3.3 C.7.5.1.1.2), whichever signedness they are written in."""
    value = dataset.get("PixelPaddingValue")
    if value is None or value == "" or stored.dtype.kind == "f":
        return None
    limit = dataset.get("PixelPaddingRangeLimit")
    ends = np.array([value, value if limit is None or limit == "" else limit]).astype(stored.dtype)
    return float(ends.min()), float(ends.max())


def _is_padding(values: NDArray[Any], padding: Padding) -> NDArray[np.bool_]:
    if padding is None:
        return np.zeros(values.shape, np.bool_)
    return np.asarray((values >= padding[0]) & (values <= padding[1]))


def _is_inverted(dataset: Dataset) -> bool:
    """Presentation LUT Shape where it is stated (PS3.3 C.8.11.3.1.2), else the photometric interpretation."""
    shape = dataset.get("PresentationLUTShape")
    return bool(shape == "INVERSE" if shape else dataset.PhotometricInterpretation == "MONOCHROME1")


def _is_display_ready(dataset: Dataset, settings: Dataset) -> bool:
    """Eight unsigned bits and no modality transform: an ultrasound or a capture, already made for the eye."""
    is_byte = dataset.get("BitsStored") == 8 and dataset.get("PixelRepresentation") == 0
    is_plain = settings.get("RescaleSlope", 1) == 1 and not settings.get("RescaleIntercept")
    return is_byte and is_plain and not settings.get("ModalityLUTSequence")


def _is_little(dataset: FileDataset) -> bool:
    is_little = dataset.original_encoding[1]
    return sys.byteorder == "little" if is_little is None else is_little
