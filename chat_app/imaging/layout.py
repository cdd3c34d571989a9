"""How many pixels a DICOM file holds, and how they lie in it where no decoder is needed."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from pydicom.dataset import FileDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from chat_app.imaging import elements

MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
PLAIN = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)


@dataclass(frozen=True)
class Layout:
    """How many pixels there are, and of what kind when they are plain grey that needs no decoder, else None.

    spare: bits above those stored, which may hold anything. is_grey: it has no colour.
    """

    rows: int
    columns: int
    frames: int
    kind: np.dtype[Any] | None
    spare: int
    is_grey: bool = True

    @classmethod
    def of(cls, dataset: FileDataset) -> Layout:
        """Raises what pydicom raises."""
        is_grey = dataset.get("PhotometricInterpretation") in MONOCHROME
        allocated, stored = dataset.get("BitsAllocated"), dataset.get("BitsStored")
        is_plain = (
            dataset.file_meta.TransferSyntaxUID in PLAIN
            and dataset.get("SamplesPerPixel") == 1
            and is_grey
            and allocated in (8, 16)
            and 0 < stored <= allocated
            and dataset.get("HighBit") == stored - 1
        )
        sign = "i" if dataset.get("PixelRepresentation") == 1 else "u"
        kind = np.dtype(f"<{sign}{allocated // 8}") if is_plain else None
        frames = int(dataset.get("NumberOfFrames") or 1)
        spare = allocated - stored if is_plain else 0
        return cls(int(dataset.Rows), int(dataset.Columns), frames, kind, spare, is_grey)

    @property
    def frame_bytes(self) -> int:
        return self.rows * self.columns * (self.kind.itemsize if self.kind else 0)

    def values(self, data: bytes) -> NDArray[Any]:
        """One plain frame of these bytes."""
        values = np.frombuffer(data, self.kind).reshape(self.rows, self.columns)
        bits = self.frame_bits
        if self.spare and (values.max() >= 2**bits or values.min() < -(2**bits)):
            values = (values << self.spare) >> self.spare
        return values

    @property
    def frame_bits(self) -> int:
        """Of a value, without its sign."""
        assert self.kind is not None
        return self.kind.itemsize * 8 - self.spare - (self.kind.kind == "i")


LAYOUTS: LRUCache[tuple[Any, ...], Layout] = LRUCache(256)
LAYOUTS_LOCK = Lock()


def layout(dataset: FileDataset) -> Layout:
    """The same for all slices of a series, and so worked out once for it."""
    key = (str(dataset.file_meta.TransferSyntaxUID), *(elements.raw(dataset, tag) for tag in elements.LAYOUT))
    with LAYOUTS_LOCK:
        found = LAYOUTS.get(key)
    if found is None:
        found = Layout.of(dataset)
        with LAYOUTS_LOCK:
            LAYOUTS[key] = found
    return found
