"""Stored values of one DICOM frame become what a workstation shows.

In DICOM's order: modality transform, VOI, presentation; windows and tables are applied by highdicom. Its
Image would do the whole chain, but refuses big-endian files and SOP classes it does not list, lets a
real-world map replace the window, shifts a LINEAR window when the slope is not 1, and leaves a VOI table
behind a modality table unscaled. A test holds both to the same pixels, within one grey.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from highdicom.color import ColorManager
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset

from chat_app.errors import UnreadableFile
from chat_app.imaging import lut, voi
from chat_app.imaging.grey import scale
from chat_app.records import Window

if TYPE_CHECKING:
    from chat_app.records import Pixels

MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
MACROS = ("PixelValueTransformationSequence", "FrameVOILUTSequence")
SETTINGS = (
    "ModalityLUTSequence",
    "RescaleSlope",
    "RescaleIntercept",
    "VOILUTSequence",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
)


@dataclass(frozen=True, eq=False)
class Rendered:
    """Pixels as shown, the window used (None for a lookup table, or none), and what was done in words."""

    pixels: Pixels
    window: Window | None
    notes: tuple[str, ...]


def render(dataset: FileDataset, frame: int, stored: NDArray[Any]) -> Rendered:
    """The frame in 8 bits: (rows, columns) grey or (rows, columns, 3) RGB.

    stored: (rows, columns) or (rows, columns, 3), as decoded. frame: from 1, for its own window.
    """
    photometric = str(dataset.PhotometricInterpretation)
    notes = _left_out(dataset)
    if stored.ndim == 3:
        return Rendered(_colour(dataset, stored), None, ("Colour, shown as stored.", *notes))
    if photometric == "PALETTE COLOR":
        pixels = lut.palette(dataset, stored, is_little=_is_little(dataset))
        return Rendered(pixels, None, ("Colour from the palette of the file.", *notes))
    if photometric not in MONOCHROME:
        raise UnreadableFile("The colour space of this DICOM file is not known: export it as grey or RGB.")
    pixels, window, note = _grey(dataset, _settings(dataset, frame), stored)
    if not _is_inverted(dataset):
        return Rendered(pixels, window, (note, *notes))
    return Rendered(
        255 - pixels, window, (note, "Inverted: the file stores white as its lowest value.", *notes)
    )


def _grey(dataset: FileDataset, settings: Dataset, stored: NDArray[Any]) -> voi.Shown:
    values = _modality(dataset, settings, stored)
    if settings.get("VOILUTSequence"):
        return voi.by_table(settings.VOILUTSequence, values, is_little=_is_little(dataset))
    function = voi.function(settings)
    if function == "LINEAR" and stored.dtype.kind == "f":
        function = "LINEAR_EXACT"  # LINEAR counts whole steps, of which real numbers have none
    windows = voi.windows(settings, function)
    if windows:
        return voi.by_window(windows, values, function)
    if _is_display_ready(dataset, settings):
        return stored.astype(np.uint8), None, "8-bit values shown as stored: the file has no window."
    return voi.by_percentile(values, _padding(dataset, stored))


def _settings(dataset: Dataset, frame: int) -> Dataset:
    """What decides the look of one frame; its own functional group wins over the shared one and the file."""
    shared = dataset.get("SharedFunctionalGroupsSequence", [])[:1]
    own = dataset.get("PerFrameFunctionalGroupsSequence", [])[frame - 1 : frame]
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


def _modality(dataset: FileDataset, settings: Dataset, stored: NDArray[Any]) -> NDArray[Any]:
    """Stored values to the modality's units, HU for CT (PS3.3 C.11.1)."""
    if settings.get("ModalityLUTSequence"):
        return lut.read(settings.ModalityLUTSequence[0], is_little=_is_little(dataset)).apply(stored)
    slope, intercept = settings.get("RescaleSlope"), settings.get("RescaleIntercept")
    if slope is None and intercept is None:
        return stored
    return stored.astype(np.float64) * float(1 if slope is None else slope) + float(intercept or 0)


def _colour(dataset: Dataset, stored: NDArray[Any]) -> Pixels:
    """RGB brought to 8 bits, through the file's ICC profile when it has one."""
    top = 2 ** int(dataset.BitsStored) - 1
    rgb = stored.astype(np.uint8) if top == 255 else scale(stored, 0, top)
    profile = dataset.get("ICCProfile")
    return np.asarray(ColorManager(profile).transform_frame(rgb)) if profile else rgb


def _padding(dataset: Dataset, stored: NDArray[Any]) -> NDArray[np.bool_]:
    """Which pixels only fill the frame and must not decide its window (PS3.3 C.7.5.1.1.2)."""
    value = dataset.get("PixelPaddingValue")
    if value is None or stored.dtype.kind == "f":
        return np.zeros(stored.shape, np.bool_)
    ends = np.array([value, dataset.get("PixelPaddingRangeLimit", value)]).astype(stored.dtype)
    return np.asarray((stored >= ends.min()) & (stored <= ends.max()))


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


def _left_out(dataset: Dataset) -> list[str]:
    """What a workstation would also do and this does not, in words."""
    notes = []
    if len(dataset.group_dataset(0x6000)):
        notes.append("Overlays of the file are not drawn.")
    spacing = voi.numbers(dataset.get("PixelAspectRatio")) or voi.numbers(dataset.get("PixelSpacing"))
    if len(spacing) == 2 and spacing[1] > 0 and abs(spacing[0] / spacing[1] - 1) > 0.01:
        notes.append("Pixels are not square: the proportions are those of the stored rows and columns.")
    return notes
