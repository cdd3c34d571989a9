"""What a file carries around its pixels and no viewer shows: padding, spare bits, comments in JPEG streams.

Blanked in place, so that every length and offset in the file stays true.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import UID

SHAPE = ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "PhotometricInterpretation")
ITEM = b"\xfe\xff\x00\xe0"
JPEG, JPEG_2000 = b"\xff\xd8", b"\xff\x4f\xff\x51"
START_OF_SCAN, START_OF_TILE = 0xDA, 0x90
JPEG_COMMENT, JPEG_2000_COMMENT = 0xFE, 0x64
APPLICATION = range(0xE0, 0xF0)
# Application segments a decoder needs: they tell the colour transform. Of JFIF, not the thumbnail behind it.
NEEDED = {b"JFIF\0": 14, b"Adobe": 12, b"mrfx": 64, b"SPIFF": 30}


def wipe(dataset: Dataset, syntax: UID, *, has_overlay: bool) -> None:
    """Blanks all of it in this dataset; has_overlay: its source kept drawings, perhaps in spare bits."""
    if "PixelData" not in dataset or not isinstance(dataset.PixelData, bytes):
        return
    if not all(keyword in dataset for keyword in SHAPE):
        del dataset.PixelData  # nobody can tell where its pixels end
        return
    data = bytearray(dataset.PixelData)
    if syntax.is_encapsulated:
        _wipe_fragments(data)
    else:
        del data[_length(dataset) :]
        data += bytes(len(data) % 2)
        if has_overlay:
            _wipe_bits(data, dataset, "<" if syntax.is_little_endian else ">")
    element = dataset["PixelData"]
    element.value = bytes(data)


def _length(dataset: Dataset) -> int:
    """Bytes of native pixel data, as the header has them; rounded up to a whole one."""
    samples = int(dataset.Rows) * int(dataset.Columns) * int(dataset.SamplesPerPixel)
    if dataset.PhotometricInterpretation == "YBR_FULL_422":
        samples = samples * 2 // 3
    bits = samples * int(dataset.BitsAllocated) * int(dataset.get("NumberOfFrames") or 1)
    return (bits + 7) // 8


def _wipe_bits(data: bytearray, dataset: Dataset, order: str) -> None:
    """Sets the bits above the stored ones as its sign has them: overlays once lay there (PS3.5 8.1.2)."""
    bits, stored = int(dataset.BitsAllocated), int(dataset.BitsStored)
    if bits not in (8, 16) or stored >= bits or dataset.get("HighBit") != stored - 1:
        return
    kind = "i" if dataset.get("PixelRepresentation") else "u"
    values: np.ndarray[Any, Any] = np.frombuffer(data, f"{order}{kind}{bits // 8}")
    values <<= bits - stored
    values >>= bits - stored


def _wipe_fragments(data: bytearray) -> None:
    """Goes through the items of encapsulated pixel data (PS3.5 A.4)."""
    position = 0
    while data[position : position + 4] == ITEM and position + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, position + 4)
        start, end = position + 8, min(position + 8 + length, len(data))
        if data.startswith(JPEG_2000, start):
            _wipe_segments(data, start + 2, end, comment=JPEG_2000_COMMENT, stop=START_OF_TILE)
        elif data.startswith(JPEG, start):
            _wipe_segments(data, start + 2, end, comment=JPEG_COMMENT, stop=START_OF_SCAN)
        position = end


def _wipe_segments(data: bytearray, position: int, end: int, *, comment: int, stop: int) -> None:
    """Blanks comments and needless application segments up to the first scan or tile."""
    while position + 4 <= end and data[position] == 0xFF and data[position + 1] != stop:
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        start, after = position + 4, min(position + 2 + length, end)
        if marker == comment:
            # The first two bytes of a JPEG 2000 comment say what it is written in.
            start += 2 if comment == JPEG_2000_COMMENT else 0
            data[start:after] = bytes(max(after - start, 0))
        elif marker in APPLICATION and comment == JPEG_COMMENT:
            start += next((size for name, size in NEEDED.items() if data.startswith(name, start)), 0)
            data[start:after] = bytes(max(after - start, 0))
        position += 1 if marker == 0xFF else 2 + max(length, 2)
