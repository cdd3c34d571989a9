"""The elements that the header pass keeps of a DICOM file, and their values as they are written.

No name and no free text is among them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag

# fmt: off
# What sorting, splitting and placing need.
SORTED_BY = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber",
    "InstanceNumber", "PatientID", "StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate",
    "Modality", "ImageType", "AcquisitionNumber", "AcquisitionTime", "TemporalPositionIdentifier",
    "EchoTime", "DiffusionBValue", "TriggerTime", "ImageOrientationPatient", "ImagePositionPatient",
    "PatientOrientation", "AnatomicalOrientationType", "GridFrameOffsetVector", "PixelSpacing",
    "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelSpacingCalibrationType",
    "PixelAspectRatio", "SliceThickness", "SequenceOfUltrasoundRegions",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "FrameTime",
    "FrameOfReferenceUID",
)
# How the pixels are stored.
LAID_OUT_BY = (
    "SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "NumberOfFrames",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
)
# What render.frame needs besides, of a grey frame without tables of its own.
SHOWN_BY = (
    "RescaleSlope", "RescaleIntercept", "RescaleType", "WindowCenter", "WindowWidth",
    "WindowCenterWidthExplanation", "VOILUTFunction", "PixelPaddingValue", "PixelPaddingRangeLimit",
    "PresentationLUTShape", "BodyPartExamined", "PixelIntensityRelationship", "PixelPresentation",
    "MaskSubtractionSequence", "TotalPixelMatrixColumns", "TotalPixelMatrixRows", "PresentationIntentType",
)
PLACED_BY = ("ImageOrientationPatient", "ImagePositionPatient")
# What places a frame of several by itself.
GROUPED_BY = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "GridFrameOffsetVector")
# fmt: on
TABLES = ("ModalityLUTSequence", "VOILUTSequence", "ICCProfile")
OVERLAYS = [Tag(0x6000 + 2 * place, element) for place in range(16) for element in (0x0010, 0x0102, 0x3000)]
EMBEDDED = [Tag(0x6000 + 2 * place, 0x0102) for place in range(16)]  # overlays among the bits of the pixels
TAG = {keyword: Tag(keyword) for keyword in (*SORTED_BY, *LAID_OUT_BY, *SHOWN_BY)}
ODD = [*map(Tag, TABLES), *OVERLAYS]  # with one of these the whole file is needed to show a frame
KEPT = [*TAG.values(), *ODD]
REAL = ("DiffusionBValue",)  # written as doubles and not as text
LAYOUT = [TAG[keyword] for keyword in LAID_OUT_BY]
GROUPS = [TAG[keyword] for keyword in GROUPED_BY]


def raw(dataset: Dataset, tag: BaseTag) -> Any:
    """A value as it was read: bytes, where pydicom has not been asked for it."""
    element = dataset.get_item(tag)
    return None if element is None else element.value


def text(dataset: Dataset, keyword: str) -> str:
    """A value as it is written, without the blanks around it; "" where it is missing."""
    value = raw(dataset, TAG[keyword])
    if isinstance(value, bytes):
        return value.decode("latin-1").strip(" \0")
    return "\\".join(map(str, value)) if isinstance(value, MultiValue) else str(value or "").strip()


def reals(dataset: Dataset, keyword: str) -> tuple[float, ...] | None:
    """Doubles (FD), parsed or not; None where they are missing or cut off."""
    element: Any = dataset.get_item(TAG[keyword])
    if not isinstance(element, RawDataElement):
        return None if element is None else decimals(element.value)
    if not element.value or len(element.value) % 8:
        return None
    order = "<f8" if element.is_little_endian else ">f8"
    return tuple(np.frombuffer(element.value, order).tolist())


def decimals(value: Any) -> tuple[float, ...] | None:
    """Decimal or integer strings (PS3.5 6.2), parsed or not."""
    parts = value.strip(b" \0").split(b"\\") if isinstance(value, bytes) else value
    try:
        return tuple(map(float, parts if isinstance(parts, list | MultiValue) else (parts,)))
    except (TypeError, ValueError):
        return None
