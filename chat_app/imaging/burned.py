"""Names burnt into pixels: which pictures often have them, and what is done about it.

A header cannot say for certain that its pixels are clean (BurnedInAnnotation is optional and often wrong), so
the kinds below are looked at by a person, and searched first where the extra "ocr" is installed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset

from chat_app.errors import InputError
from chat_app.imaging import words
from chat_app.records import Box, Frame, Image, Look, Plane, Stack

if TYPE_CHECKING:
    from chat_app.records import Pixels

# By modality (PS3.3 C.7.3.1.1.1): what the pictures are called. PS3.15 E.3.1 names no devices. Those whose
# boxes pydicom/deid lists to be blacked out, after RSNA's CTP, are mostly ultrasound, and captures of any
# modality; the others write patient data over live pictures as ultrasound does, or are captures themselves.
KINDS = {
    "US": "Ultrasound pictures",
    "IVUS": "Ultrasound pictures",
    "XA": "Angiograms",
    "RF": "Fluoroscopy pictures",
    "ES": "Endoscopy pictures",
    "XC": "Photographs",
    "GM": "Microscope photographs",
    "SC": "Screen captures",
    "OT": "Pictures of an unnamed kind",
}
CAPTURES = "Screen captures and scanned films"
# PS3.4 B.5: Secondary Capture Image Storage and its multi-frame kinds.
CAPTURE_CLASS = re.compile(r"1\.2\.840\.10008\.5\.1\.4\.1\.1\.7(\.[1-4])?")
# What vendors write into Image Type when a screen was saved, and what only captures state (CTP's
# BurnedInPixels.script; PS3.3 C.8.6.1).
CAPTURE_TYPE = re.compile(r"SAVE|SCREEN|CAPTURE|SCANNED|DIGITI[SZ]ED|DOSE|REPORT")
CAPTURE_SIGNS = ("ConversionType", "DateOfSecondaryCapture", "SecondaryCaptureDeviceManufacturer")
PROJECTIONS = ("CR", "DX", "MG", "RG", "PX", "IO")
"""Radiographs: labels of a scanned film lie in them now and then, so they are searched but not held back."""

ROUNDS = 3  # of looking and blacking out: what stood beside a name is read better once it is gone
MOST_FRAMES = 5  # of a cine that are searched: devices write the same into each
OFTEN = "{kind} often have a name burnt into them: look at it before it is asked about."
STATED = "The file says that text is burnt into this picture: look at it before it is asked about."
NOTHING = "No name was found in it by machine."
MASKED = "Text that may identify someone was blacked out: look whether any is left before it is asked about."
WRITTEN = "There are words at the edge of this picture: look for a name before it is asked about."
LEFT = "Text that may identify someone is left in this picture: do not use it as it is."


def caution(dataset: Dataset) -> str:
    """Why a person must look at this picture before it goes further, in a sentence; "" when it may go."""
    if str(dataset.get("BurnedInAnnotation") or "").upper() == "YES":
        return STATED
    kind = KINDS.get(str(dataset.get("Modality") or "").upper(), "") or (
        CAPTURES if _is_capture(dataset) else ""
    )
    return OFTEN.format(kind=kind) if kind else ""


def is_searched(dataset: Dataset) -> bool:
    """Whether its pixels are worth a search that costs about a second."""
    return bool(caution(dataset)) or dataset.get("Modality") in PROJECTIONS


def is_worth_a_search(image: Image) -> bool:
    """Whether `check` would look for text in it: it takes a second or more."""
    is_written_on = image.caution or image.format != "DICOM" or image.modality in PROJECTIONS
    return bool(is_written_on) and words.available()


def check(image: Image, known: Collection[str] = ()) -> Image:
    """The picture searched for burnt-in text, with what was found blacked out and said in its caution.

    known: what its header says of the patient (`words.known`). Without the extra "ocr", and for slices and
    other pictures that no one writes on, it comes back as it is. A second look follows each masking.
    """
    if not is_worth_a_search(image):
        return image
    shown, boxes = image, list[Box]()
    for _ in range(ROUNDS):
        found = _search(shown, known, is_strict=bool(image.caution))
        if not found:
            return _said(shown, len(boxes))
        boxes += [each.box for each in found]
        shown = _masked(image, tuple(dict.fromkeys(boxes)))
    return replace(shown, caution=LEFT)


def mask(values: NDArray[Any], boxes: Iterable[Box], black: float = 0) -> NDArray[Any]:
    """A copy of (rows, columns) or (rows, columns, 3) that has this value in the boxes."""
    masked = values.copy()
    for box in boxes:
        masked[_slices(box)] = black
    return masked


def mask_dataset(dataset: FileDataset, boxes: Sequence[Box]) -> None:
    """Blacks the boxes out in every frame of the stored pixels; compressed ones are stored uncompressed.

    Raises what pydicom raises when the pixels cannot be decoded.
    """
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        dataset.decompress(as_rgb=True, generate_instance_uid=False)
    data = bytearray(dataset.PixelData)
    order = "<" if dataset.file_meta.TransferSyntaxUID.is_little_endian else ">"
    sign = "i" if dataset.get("PixelRepresentation") else "u"
    stored = np.frombuffer(data, f"{order}{sign}{int(dataset.BitsAllocated) // 8}")
    for frame in _frames(stored, dataset):
        for box in boxes:
            _blacken(frame, box, dataset)
    dataset["PixelData"].value = bytes(data)


@dataclass(frozen=True, eq=False)
class Masked:
    """A stack that is black in the same boxes in every frame."""

    stack: Stack
    boxes: tuple[Box, ...] = field(repr=False)

    @property
    def unit(self) -> str:
        return self.stack.unit

    @property
    def frames(self) -> int:
        return self.stack.frames

    @property
    def looks(self) -> tuple[Look, ...]:
        return self.stack.looks

    def frame(self, number: int) -> Frame:
        frame = self.stack.frame(number)
        overlay = None if frame.overlay is None else mask(frame.overlay, self.boxes)
        values = frame.values
        black = 0 if values.ndim == 3 else values.max() if frame.inverted else values.min()
        return replace(frame, values=mask(values, self.boxes, float(black)), overlay=overlay)

    def plane(self, number: int) -> Plane:
        return self.stack.plane(number)

    def image(self, name: str, number: int, look: Look | None = None) -> Image:
        image = self.stack.image(name, number, look)
        return replace(image, pixels=mask(image.pixels, self.boxes), stack=self)

    def reformat(self, plane: str) -> Stack:
        """Raises: InputError, as the boxes lie in the slices as they are stored."""
        raise InputError("This volume was masked, so it is shown only in the plane it was stored in.")


def _is_capture(dataset: Dataset) -> bool:
    """A picture of a picture: by its class, by how it was converted, or by its type."""
    types = "\\".join(map(str, dataset.get("ImageType") or ()))
    return bool(
        CAPTURE_CLASS.fullmatch(str(dataset.get("SOPClassUID") or ""))
        or any(dataset.get(keyword) for keyword in CAPTURE_SIGNS)
        or CAPTURE_TYPE.search(types.upper())
    )


def search(
    show: Callable[[int], Pixels], frames: int, known: Collection[str], *, is_strict: bool
) -> list[words.Words]:
    """What may identify someone in the sampled frames; `show` gives the pixels of a frame, from 1."""
    return [
        found for number in sampled(frames) for found in words.find(show(number), known, is_strict=is_strict)
    ]


def sampled(frames: int) -> list[int]:
    """Which frames are searched: the first, the last, and some between."""
    count = min(frames, MOST_FRAMES)
    return sorted({1 + round(step * (frames - 1) / max(count - 1, 1)) for step in range(count)})


def _search(image: Image, known: Collection[str], *, is_strict: bool) -> list[words.Words]:
    return search(lambda number: image.at(number).pixels, image.frames, known, is_strict=is_strict)


def _masked(image: Image, boxes: tuple[Box, ...]) -> Image:
    stack = Masked(image.stack, boxes) if image.stack else None
    return replace(image, pixels=mask(image.pixels, boxes), stack=stack)


def _said(image: Image, count: int) -> Image:
    """The picture with what was found, and blacked out, in words."""
    if not count and image.format != "DICOM" and _search(image, (), is_strict=True):
        return replace(image, caution=WRITTEN)  # no header says whose name it could be
    if not count:
        return replace(image, caution=f"{image.caution} {NOTHING}") if image.caution else image
    return replace(image, caution=MASKED, notes=(*image.notes, "Text in the picture was blacked out."))


def _slices(box: Box) -> tuple[slice, slice]:
    """The whole pixels that a box touches: rows, columns."""
    return slice(int(box.y0), int(np.ceil(box.y1))), slice(int(box.x0), int(np.ceil(box.x1)))


def _frames(stored: NDArray[Any], dataset: Dataset) -> NDArray[Any]:
    """A view of native pixel data as (frames, rows, columns) and samples; pairs of columns for 4:2:2."""
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    frames, samples = int(dataset.get("NumberOfFrames") or 1), int(dataset.SamplesPerPixel)
    if dataset.PhotometricInterpretation == "YBR_FULL_422":
        return stored[: frames * rows * columns * 2].reshape(frames, rows, columns // 2, 4)
    whole = stored[: frames * rows * columns * samples]
    if samples == 1:
        return whole.reshape(frames, rows, columns)
    if dataset.get("PlanarConfiguration"):
        return np.moveaxis(whole.reshape(frames, samples, rows, columns), 1, -1)
    return whole.reshape(frames, rows, columns, samples)


def _blacken(frame: NDArray[Any], box: Box, dataset: Dataset) -> None:
    """Black in this photometric interpretation; any one value would hide the text."""
    rows, columns = _slices(box)
    photometric = str(dataset.PhotometricInterpretation)
    if photometric == "YBR_FULL_422":
        frame[rows, columns.start // 2 : (columns.stop + 1) // 2] = (0, 0, 128, 128)
    elif photometric == "YBR_FULL":
        frame[rows, columns] = (0, 128, 128)
    elif photometric == "MONOCHROME1":
        frame[rows, columns] = frame.max()
    else:
        frame[rows, columns] = 0 if frame.ndim == 3 else frame.min()
