"""Lookup tables of a DICOM file (modality, VOI, palette), read as files write them, applied by highdicom.

highdicom's own reader refuses tables of 12 bits or of 65,536 entries and takes the bytes as little-endian.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from highdicom.pixels import apply_lut
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut

SEGMENTED = "SegmentedRedPaletteColorLookupTableData"
COLOURS = ("Red", "Green", "Blue")
MOST_ENTRIES = 2**16


@dataclass(frozen=True, eq=False)
class Table:
    """entries: uint16. first: the value that is mapped to the first entry; those below it are too."""

    entries: NDArray[np.uint16]
    first: int

    def apply(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values outside the table take its first or last entry (PS3.3 C.11.1.1.1)."""
        # In 64 bits, because highdicom clips in the type it is given and the ends may lie outside it.
        return np.asarray(apply_lut(np.rint(values).astype(np.int64), self.entries, self.first))


def read(
    item: Dataset, *, is_little: bool, descriptor: str = "LUTDescriptor", data: str = "LUTData"
) -> Table:
    """One table; a descriptor of 0 entries means 65,536. Raises ValueError when its data are too short."""
    count, first, bits = (int(value) for value in item[descriptor].value)
    count = count or MOST_ENTRIES
    raw = item[data].value
    if not isinstance(raw, bytes):
        return Table(np.asarray(raw, np.uint16)[:count], first)
    is_packed = bits == 8 and len(raw) <= count + 1
    kind = np.dtype(np.uint8) if is_packed else np.dtype("<u2" if is_little else ">u2")
    return Table(np.frombuffer(raw, kind, count).astype(np.uint16), first)


def palette(dataset: Dataset, stored: NDArray[Any], *, is_little: bool) -> NDArray[np.uint8]:
    """RGB of palette indices (PS3.3 C.7.6.3.1.5 and .6).

    Tables that say 16 bits and fill only 8 are common, and shown as 8.
    """
    tables = _segmented(dataset) if SEGMENTED in dataset else _plain(dataset, is_little)
    rgb = np.stack([table.apply(stored) for table in tables], axis=-1)
    is_wide = max(int(table.entries.max()) for table in tables) > 255  # of the tables: a frame may be dark
    return np.asarray(rgb >> 8 if is_wide else rgb).astype(np.uint8)


def _plain(dataset: Dataset, is_little: bool) -> list[Table]:
    name = "{}PaletteColorLookupTable{}".format
    pairs = [(name(colour, "Descriptor"), name(colour, "Data")) for colour in COLOURS]
    return [read(dataset, is_little=is_little, descriptor=d, data=t) for d, t in pairs]


def _segmented(dataset: Dataset) -> list[Table]:
    """The same of tables that are written in segments, which pydicom puts together."""
    count, first, _ = (int(value) for value in dataset.RedPaletteColorLookupTableDescriptor)
    every = np.arange(first, first + (count or MOST_ENTRIES))
    rgb = np.asarray(apply_color_lut(every, dataset))
    return [Table(rgb[:, place].astype(np.uint16), first) for place in range(len(COLOURS))]
