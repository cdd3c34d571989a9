"""How a picture lies in the patient: letters, plane, position and millimetres, from what the file states.

It knows of vectors and DICOM attributes and nothing of pixels. Coordinates are DICOM's: x towards the
patient's left, y towards the back, z towards the head, in mm (PS3.3 C.7.6.2.1.1).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from chat_app.records import Plane

Vector = NDArray[np.float64]

ENDS = (("R", "L"), ("A", "P"), ("F", "H"))
OPPOSITE = {a: b for pair in ENDS for a, b in (pair, pair[::-1])}
NAMES = ("sagittal", "coronal", "axial")  # by the axis their normal follows
# How the slices of each are paged through: right to left, front to back, head to feet.
PAGED = {"sagittal": 1.0, "coronal": 1.0, "axial": -1.0}
SECOND = 0.3  # a component weaker than this is not worth a second letter
NEAR = 0.8  # cosine from which an oblique plane is called by the name of the one beside it
SQUARE = 0.01  # how far direction cosines may be off before they are no directions
# Modalities that project: their Pixel Spacing may be that of the detector, wherever that stood.
PROJECTIONS = ("CR", "DX", "IO", "PX", "RF", "RG", "RTIMAGE", "XA")
CALIBRATED = ("GEOMETRY", "FIDUCIAL")
CENTIMETRES, TWO_DIMENSIONAL = 3, 1


@dataclass(frozen=True, eq=False)
class Axes:
    """right, down: unit vectors along a row and a column."""

    right: Vector
    down: Vector

    @cached_property
    def normal(self) -> Vector:
        return np.asarray(np.cross(self.right, self.down))

    @cached_property
    def cosines(self) -> tuple[float, ...]:
        """Of the rows, then of the columns."""
        return (*self.right.tolist(), *self.down.tolist())

    @cached_property
    def rounded(self) -> tuple[float, ...]:
        """The same, for putting parallel pictures together."""
        return tuple(round(cosine, 2) + 0.0 for cosine in self.cosines)


@dataclass(frozen=True, eq=False)
class Placement:
    """How a picture lies, and the centre of its first pixel, if stated."""

    axes: Axes
    corner: Vector | None = None

    @property
    def right(self) -> Vector:
        return self.axes.right

    @property
    def down(self) -> Vector:
        return self.axes.down

    @property
    def normal(self) -> Vector:
        return self.axes.normal

    @property
    def position_mm(self) -> float | None:
        return None if self.corner is None else float(self.corner @ self.normal)


@dataclass(frozen=True, eq=False)
class Grid:
    """corner: centre of the first voxel, in mm. steps: from voxel to voxel along each axis of the array."""

    corner: Vector
    steps: tuple[Vector, Vector, Vector]


def plane(dataset: Dataset, number: int = 1) -> Plane:
    """Of one frame, from 1; a multi-frame's own functional groups win over what the whole file states."""
    groups = gather(dataset, number)
    placed = placement(groups)
    spacing, aspect = _spacing(groups, placed)
    if placed is None:
        return Plane(_stated_letters(groups), spacing, aspect)
    return lie(placed, spacing, aspect)


def lie(placed: Placement, spacing_mm: tuple[float, float] | None, aspect: float) -> Plane:
    """The plane of a picture that is placed so."""
    right, bottom = letters(placed.right), letters(placed.down)
    around = (_opposite(right), right, _opposite(bottom), bottom)
    return Plane(around, spacing_mm, aspect, name(placed.normal), placed.position_mm)


def letters(direction: Vector) -> str:
    """Where a direction leads: "L", or "AH" when it leads there too; the strongest first."""
    order = sorted(range(3), key=lambda axis: -abs(direction[axis]))
    strong = [axis for axis in order[:2] if abs(direction[axis]) > SECOND]
    return "".join(ENDS[axis][int(direction[axis] > 0)] for axis in strong)


def name(normal: Vector) -> str:
    """ "axial", "coronal", "sagittal", or "" for a plane between them."""
    axis = int(np.argmax(np.abs(normal)))
    return NAMES[axis] if abs(normal[axis]) >= NEAR else ""


def paging(normal: Vector) -> Vector:
    """The same normal, turned the way the slices are paged through."""
    axis = int(np.argmax(np.abs(normal)))
    return np.asarray(normal * np.sign(normal[axis]) * PAGED[NAMES[axis]])


def placement(groups: Mapping[str, Any]) -> Placement | None:
    """Image Orientation and Image Position (Patient); None when they are missing or no directions."""
    cosines = _numbers(groups.get("ImageOrientationPatient"), 6)
    axes = None if cosines is None else _axes(*cosines)
    if axes is None:
        return None
    corner = _numbers(groups.get("ImagePositionPatient"), 3)
    return Placement(axes, None if corner is None else np.array(corner))


@lru_cache(maxsize=256)  # the slices of a series share theirs
def _axes(*cosines: float) -> Axes | None:
    right, down = np.array(cosines[:3]), np.array(cosines[3:])
    lengths = np.linalg.norm(right), np.linalg.norm(down)
    if max(abs(length - 1) for length in lengths) > SQUARE or abs(right @ down) > SQUARE:
        return None
    return Axes(right / lengths[0], down / lengths[1])


def gather(dataset: Dataset, number: int) -> dict[str, Any]:
    """What decides the geometry of one frame, by keyword."""
    found: dict[str, Any] = {}
    for source in _groups(dataset, number):
        found |= {keyword: source[keyword].value for keyword in KEYWORDS if keyword in source}
    offsets = dataset.get("GridFrameOffsetVector")  # PS3.3 C.8.8.3.2: from the first frame, along the normal
    if offsets is not None and len(offsets) >= number:
        _shift(found, float(offsets[number - 1]) - float(offsets[0]))
    return found


KEYWORDS = (
    "Modality",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "PatientOrientation",
    "AnatomicalOrientationType",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "NominalScannedPixelSpacing",
    "PixelSpacingCalibrationType",
    "PixelAspectRatio",
    "SequenceOfUltrasoundRegions",
)
MACROS = ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")


def _groups(dataset: Dataset, number: int) -> Iterator[Dataset]:
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    own = dataset.get("PerFrameFunctionalGroupsSequence") or []
    yield dataset
    for group in (*shared[:1], *own[number - 1 : number]):
        for macro in MACROS:
            yield from (group.get(macro) or [])[:1]


def _shift(found: dict[str, Any], offset_mm: float) -> None:
    placed = placement(found)
    if placed is not None and placed.corner is not None:
        found["ImagePositionPatient"] = [*(placed.corner + offset_mm * placed.normal)]


def _stated_letters(groups: Mapping[str, Any]) -> tuple[str, str, str, str] | None:
    """Patient Orientation: where the rows and the columns lead (PS3.3 C.7.6.1.1.1); of people only."""
    stated = groups.get("PatientOrientation")
    if isinstance(stated, str) or not stated or len(stated) != 2:
        return None
    right, bottom = (str(value).strip().upper() for value in stated)
    if groups.get("AnatomicalOrientationType") == "QUADRUPED":
        return None
    if not all(re.fullmatch("[APRLHF]{1,3}", value) for value in (right, bottom)):
        return None
    return _opposite(right[:2]), right[:2], _opposite(bottom[:2]), bottom[:2]


def _opposite(ends: str) -> str:
    return "".join(OPPOSITE[end] for end in ends)


def _spacing(groups: Mapping[str, Any], placed: Placement | None) -> tuple[tuple[float, float] | None, float]:
    """Millimetres of the patient between rows and between columns, if known, and the aspect of a pixel."""
    pixel, detector = _lengths(groups.get("PixelSpacing")), _lengths(groups.get("ImagerPixelSpacing"))
    region = _ultrasound(groups)
    spacing = region or (pixel if pixel and _is_of_patient(groups, placed, pixel, detector) else None)
    stated = (
        spacing
        or pixel
        or detector
        or _lengths(groups.get("NominalScannedPixelSpacing"))
        or _lengths(groups.get("PixelAspectRatio"))  # vertical, then horizontal (PS3.3 C.7.6.3.1.7)
    )
    return spacing, stated[0] / stated[1] if stated else 1.0


def _is_of_patient(
    groups: Mapping[str, Any],
    placed: Placement | None,
    pixel: tuple[float, float],
    detector: tuple[float, float] | None,
) -> bool:
    """Whether Pixel Spacing holds in the patient (PS3.3 10.7.1.1 and 10.7.1.3).

    A slice's does. A projection's does when it says how it was calibrated, or when it differs from Imager
    Pixel Spacing, which is that of the detector; with neither, nobody knows what it means.
    """
    is_slice = placed is not None and placed.corner is not None and detector is None
    if is_slice and groups.get("Modality") not in PROJECTIONS:
        return True
    if groups.get("PixelSpacingCalibrationType") in CALIBRATED:
        return True
    return detector is not None and not np.allclose(pixel, detector, rtol=1e-3)


def _ultrasound(groups: Mapping[str, Any]) -> tuple[float, float] | None:
    """Of the only region of an ultrasound, when both its axes are centimetres (PS3.3 C.8.5.5.1)."""
    regions = groups.get("SequenceOfUltrasoundRegions") or []
    if len(regions) != 1 or regions[0].get("RegionSpatialFormat") != TWO_DIMENSIONAL:
        return None
    region = regions[0]
    units = {region.get("PhysicalUnitsXDirection"), region.get("PhysicalUnitsYDirection")}
    deltas = _numbers([region.get("PhysicalDeltaY"), region.get("PhysicalDeltaX")], 2)
    if units != {CENTIMETRES} or deltas is None or 0 in deltas:
        return None
    return abs(deltas[0]) * 10, abs(deltas[1]) * 10


def _lengths(value: Any) -> tuple[float, float] | None:
    """Two positive numbers: between rows, then between columns (PS3.3 10.7.1.3)."""
    pair = _numbers(value, 2)
    return (pair[0], pair[1]) if pair and min(pair) > 0 else None


def _numbers(value: Any, count: int) -> list[float] | None:
    """That many finite numbers, or None."""
    if value is None or isinstance(value, str | bytes) or not isinstance(value, Sequence):
        return None
    try:
        numbers = [float(item) for item in value]
    except (TypeError, ValueError):
        return None
    return numbers if len(numbers) == count and all(map(math.isfinite, numbers)) else None
