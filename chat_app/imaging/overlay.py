"""What a DICOM file draws over its picture (PS3.3 C.9.2): planes of one bit, beside or among the pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset
from pydicom.tag import Tag

GROUPS = range(0x6000, 0x6020, 2)
ROWS, COLUMNS, FRAMES, FIRST_FRAME = 0x0010, 0x0011, 0x0015, 0x0051
ORIGIN, BITS, BIT, DATA = 0x0050, 0x0100, 0x0102, 0x3000


def drawn(dataset: FileDataset, number: int, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """Every plane of the file together, over frame `number` (from 1); None when nothing is drawn there.

    A plane that is shorter than its header says is left out, as the picture is whole without it.
    """
    planes = [(_bits(dataset, group, number), _origin(dataset, group)) for group in GROUPS]
    canvas = None
    for bits, origin in planes:
        if bits is not None:
            canvas = np.zeros(shape, np.bool_) if canvas is None else canvas
            _draw(bits, origin, canvas)
    return canvas if canvas is not None and canvas.any() else None


def _bits(dataset: FileDataset, group: int, number: int) -> NDArray[np.bool_] | None:
    """One plane for that frame, or None where it has none."""
    if (group, DATA) in dataset:
        return _beside(dataset, group, number)
    if (group, BIT) in dataset and _number(dataset, group, BITS, 1) > 1:
        return _among(dataset, _number(dataset, group, BIT, 0), number)
    return None


def _beside(dataset: Dataset, group: int, number: int) -> NDArray[np.bool_] | None:
    """Overlay Data: bits in order, the lowest of each byte first, and no frame starts on a new byte."""
    rows, columns = _number(dataset, group, ROWS, 0), _number(dataset, group, COLUMNS, 0)
    frames = _number(dataset, group, FRAMES, 1)
    place = number - _number(dataset, group, FIRST_FRAME, 1)
    if frames == 1 and (group, FIRST_FRAME) not in dataset:
        place = 0  # one plane without a frame of its own lies over every frame
    if not 0 <= place < frames or rows < 1 or columns < 1:
        return None
    data = np.frombuffer(dataset[group, DATA].value or b"", np.uint8)
    first = place * rows * columns
    packed = data[first // 8 : (first + rows * columns + 7) // 8]
    bits = np.unpackbits(packed, bitorder="little")[first % 8 :][: rows * columns]
    if bits.size < rows * columns:
        return None
    return bits.reshape(rows, columns).astype(np.bool_)


def _among(dataset: FileDataset, bit: int, number: int) -> NDArray[np.bool_] | None:
    """A bit of each pixel's own word above those stored: retired, and only of use uncompressed."""
    is_compressed = dataset.file_meta.TransferSyntaxUID.is_encapsulated
    allocated, high = int(dataset.BitsAllocated), int(dataset.HighBit)
    is_stored = high - int(dataset.BitsStored) < bit <= high
    if is_compressed or is_stored or "PixelData" not in dataset or allocated not in (8, 16):
        return None
    if not 0 <= bit < allocated or int(dataset.SamplesPerPixel) != 1:
        return None
    order = ">" if dataset.original_encoding[1] is False else "<"
    size = int(dataset.Rows) * int(dataset.Columns)
    kind = np.dtype(f"{order}u{allocated // 8}")
    words = np.frombuffer(dataset.PixelData, kind, size, (number - 1) * size * kind.itemsize)
    return (words >> bit & 1).astype(np.bool_).reshape(int(dataset.Rows), int(dataset.Columns))


def _draw(bits: NDArray[np.bool_], origin: tuple[int, int], canvas: NDArray[np.bool_]) -> None:
    """Lays the plane at its origin, which may lie outside the picture."""
    (top, left), (rows, columns) = origin, canvas.shape
    part = bits[max(0, -top) : max(0, rows - top), max(0, -left) : max(0, columns - left)]
    canvas[max(0, top) :, max(0, left) :][: part.shape[0], : part.shape[1]] |= part


def _origin(dataset: Dataset, group: int) -> tuple[int, int]:
    """Row and column of the plane's first bit, from 0."""
    value: Any = dataset[group, ORIGIN].value if (group, ORIGIN) in dataset else None
    return (int(value[0]) - 1, int(value[1]) - 1) if value and len(value) == 2 else (0, 0)


def _number(dataset: Dataset, group: int, element: int, otherwise: int) -> int:
    tag = Tag(group, element)
    value = dataset[tag].value if tag in dataset else None
    return otherwise if value is None or value == "" else int(value)
