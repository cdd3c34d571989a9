"""What a file carries around its pixels and no viewer shows: padding, spare bits, comments, texts of tables.

Blanked in place, so that every length and offset in the file stays true.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import UID, RLELossless

SHAPE = ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated")
PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
OFFSETS = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")
ITEM = b"\xfe\xff\x00\xe0"
JPEG, JPEG_2000, JP2 = b"\xff\xd8", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  "
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
START_OF_TILE, START_OF_DATA = 0x90, 0x93
JPEG_COMMENT, JPEG_2000_COMMENT = 0xFE, 0x64
APPLICATION = range(0xE0, 0xF0)
# Application segments a decoder needs: they tell the colour transform. Of JFIF, not the thumbnail behind it.
NEEDED = {b"JFIF\0": 14, b"Adobe": 12, b"mrfx": 64, b"SPIFF": 30}
# Within coded data a marker is what neither stuffing (00 to 7F) nor a restart (D0 to D7) is; FF fills.
MARKER = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")
TABLES = {"LUTData": "LUTDescriptor"} | {
    f"{colour}PaletteColorLookupTableData": f"{colour}PaletteColorLookupTableDescriptor"
    for colour in ("Red", "Green", "Blue", "Alpha")
}
# Types of ICC tags that are numbers; of any other only its own frame is left (ICC.1 section 10).
ICC_NUMBERS = (
    *(b"XYZ ", b"chrm", b"curv", b"para", b"mft1", b"mft2"),
    *(b"mAB ", b"mBA ", b"sf32", b"meas", b"view"),
)
ICC_HEADER, ICC_TAG, MOST_ICC_TAGS = 128, 12, 200

BOXES = (b"jP  ", b"ftyp", b"jp2h")  # of a JP2 file, what a decoder needs before the stream


def wipe(dataset: Dataset, syntax: UID, *, has_overlay: bool) -> None:
    """Blanks all of it in this dataset; has_overlay: its source kept drawings, perhaps in spare bits."""
    for number, keyword in enumerate([each for each in PIXELS if each in dataset]):
        if (
            number
            or not all(dataset.get(each) for each in SHAPE)
            or not isinstance(dataset[keyword].value, bytes)
        ):
            del dataset[keyword]  # a second one is never shown, and nobody can tell where this one ends
            continue
        data = bytearray(dataset[keyword].value)
        if syntax.is_encapsulated and keyword == "PixelData":
            _wipe_fragments(data, dataset, is_rle=syntax == RLELossless)
        else:
            del data[_length(dataset) :]
            data += bytes(len(data) % 2)
            if has_overlay and keyword == "PixelData":
                _wipe_bits(data, dataset, "<" if syntax.is_little_endian else ">")
        element = dataset[keyword]
        element.value = bytes(data)
    _wipe_offsets(dataset, is_encapsulated=syntax.is_encapsulated)


def _length(dataset: Dataset) -> int:
    """Bytes of native pixel data, as the header has them; rounded up to a whole one."""
    samples = int(dataset.Rows) * int(dataset.Columns) * int(dataset.SamplesPerPixel)
    if dataset.get("PhotometricInterpretation") == "YBR_FULL_422":
        samples = samples * 2 // 3
    bits = samples * int(dataset.BitsAllocated) * int(dataset.get("NumberOfFrames") or 1)
    return (bits + 7) // 8


def _wipe_offsets(dataset: Dataset, *, is_encapsulated: bool) -> None:
    """Cuts the tables of where frames begin to eight bytes a frame (PS3.3 C.7.6.3.1.8)."""
    for keyword in [each for each in OFFSETS if each in dataset]:
        count = 8 * int(dataset.get("NumberOfFrames") or 1)
        value = dataset[keyword].value
        if is_encapsulated and isinstance(value, bytes) and len(value) >= count:
            dataset[keyword].value = value[:count]
        else:
            del dataset[keyword]


def _wipe_bits(data: bytearray, dataset: Dataset, order: str) -> None:
    """Blanks the bits around the stored ones, as the sign has them: overlays lay there (PS3.5 8.1.2)."""
    bits, stored = int(dataset.BitsAllocated), int(dataset.get("BitsStored") or 0)
    lowest = int(dataset.get("HighBit", -1)) + 1 - stored
    if bits not in (8, 16) or not 0 < stored < bits or not 0 <= lowest <= bits - stored:
        return
    kind = "i" if dataset.get("PixelRepresentation") else "u"
    values: np.ndarray[Any, Any] = np.frombuffer(data, f"{order}{kind}{bits // 8}")
    values <<= bits - stored - lowest
    values >>= bits - stored
    values <<= lowest


def _wipe_fragments(data: bytearray, dataset: Dataset, *, is_rle: bool) -> None:
    """Goes through the items of encapsulated pixel data, of which the first is a table (PS3.5 A.4).

    What follows the end of a frame is blank, were it a fragment of its own.
    """
    is_open: bool | None = None  # whether a frame goes on in the next fragment; None where it is no JPEG
    end = 0
    for number, (start, end) in enumerate(_items(data)):
        if number == 0:
            continue
        if is_rle:
            _wipe_rle(data, start, end, int(dataset.Rows) * int(dataset.Columns))
        elif data.startswith(JP2, start):
            _wipe_boxes(data, start, end)
        elif data.startswith(JPEG_2000, start):
            _wipe_codestream(data, start, end)
        elif data.startswith(JPEG, start):
            is_open = not _wipe_jpeg(data, start + 2, end)
        elif is_open:
            is_open = not _wipe_jpeg(data, _next_marker(data, start, end), end)
        elif is_open is False:
            _blank(data, start, end)
    del data[end:]


def _items(data: bytearray) -> Iterator[tuple[int, int]]:
    """Where each item's value begins and ends."""
    position = 0
    while data[position : position + 4] == ITEM and position + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, position + 4)
        end = min(position + 8 + length, len(data))
        yield position + 8, end
        position = end


def _wipe_jpeg(data: bytearray, position: int, end: int) -> bool:
    """Blanks comments, needless application segments and what follows the end; whether there was an end."""
    while position + 2 <= end and data[position] == 0xFF:
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        start, after = position + 4, min(position + 2 + max(length, 2), end)
        if marker == END_OF_IMAGE:
            _blank(data, position + 2, end)
            return True
        if marker in APPLICATION:
            start += next((size for name, size in NEEDED.items() if data.startswith(name, start)), 0)
        if marker in APPLICATION or marker == JPEG_COMMENT:
            _blank(data, start, after)
        if marker == START_OF_SCAN:
            after = _next_marker(data, after, end)
        position = position + 1 if marker == 0xFF else after
    return False


def _next_marker(data: bytearray, position: int, end: int) -> int:
    """Where the coded data of a scan ends."""
    found = MARKER.search(data, position, end)
    return found.start() if found else end


def _wipe_codestream(data: bytearray, position: int, end: int) -> None:
    """Blanks the comments of a JPEG 2000 stream and what follows its end (ISO/IEC 15444-1 A.4)."""
    position = _wipe_header(data, position + 2, end, START_OF_TILE)
    while data[position : position + 2] == bytes((0xFF, START_OF_TILE)) and position + 12 <= end:
        _wipe_header(data, position + 12, end, START_OF_DATA)
        length = int.from_bytes(data[position + 6 : position + 10], "big")
        if length < 12:  # the last part may leave its length out
            position = max(data.rfind(bytes((0xFF, END_OF_IMAGE)), position, end), position + 12)
            break
        position += length
    if data[position : position + 2] == bytes((0xFF, END_OF_IMAGE)):
        _blank(data, position + 2, end)


def _wipe_header(data: bytearray, position: int, end: int, stop: int) -> int:
    """Blanks the comments of a header; where the marker `stop` stands."""
    while position + 4 <= end and data[position] == 0xFF and data[position + 1] != stop:
        after = position + 2 + max(int.from_bytes(data[position + 2 : position + 4], "big"), 2)
        if data[position + 1] == JPEG_2000_COMMENT:
            _blank(data, position + 6, min(after, end))  # the two bytes before say what it is written in
        position = after
    return position


def _wipe_boxes(data: bytearray, position: int, end: int) -> None:
    """Blanks what a JP2 file holds beside its picture: XML, UUIDs and the like (ISO/IEC 15444-1 I.4)."""
    while position + 8 <= end:
        length, kind = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        start = position + (16 if length == 1 else 8)
        if length == 1:
            length = int.from_bytes(data[position + 8 : position + 16], "big")
        after = end if length == 0 else min(position + max(length, 8), end)
        if kind == b"jp2c":
            _wipe_codestream(data, start, after)
            _blank(data, after, end)
            return
        if bytes(kind) not in BOXES:
            data[position + 4 : position + 8] = b"free"
            _blank(data, start, after)
        position = after


def _wipe_rle(data: bytearray, start: int, end: int, pixels: int) -> None:
    """Blanks what follows each segment's last pixel (PS3.5 G.4)."""
    if end - start < 64:
        _blank(data, start, end)
        return
    count, *offsets = struct.unpack_from("<16I", data, start)
    count = min(count, 15)
    _blank(data, start + 4 + 4 * count, start + 64)
    begins = [min(start + offset, end) for offset in offsets[:count]]
    for begin, after in zip(begins, [*begins[1:], end], strict=True):
        _blank(data, _end_of_runs(data, begin, after, pixels), after)


def _end_of_runs(data: bytearray, position: int, end: int, pixels: int) -> int:
    while pixels > 0 and position < end:
        size = data[position]
        if size == 128:
            position += 1
            continue
        position += size + 2 if size < 128 else 2
        pixels -= size + 1 if size < 128 else 257 - size
    return position


def _blank(data: bytearray, start: int, end: int) -> None:
    if start < end:
        data[start:end] = bytes(end - start)


def cut_tables(dataset: Dataset) -> None:
    """Cuts lookup tables to the entries their descriptors state, and blanks the texts of an ICC profile."""
    for data, descriptor in TABLES.items():
        if data not in dataset:
            continue
        stated = dataset.get(descriptor)
        value = dataset[data].value
        if not isinstance(stated, list | MultiValue) or len(stated) != 3:
            del dataset[data]
            continue
        count = int(stated[0]) or 65536
        if isinstance(value, bytes):
            # Some write entries of 8 bits in words of 16.
            size = count if int(stated[2]) <= 8 and len(value) < 2 * count else 2 * count
            dataset[data].value = value[: size + size % 2]
        elif isinstance(value, list | MultiValue):
            dataset[data].value = value[:count]
    if "ICCProfile" in dataset:
        _wipe_profile(dataset)


def _wipe_profile(dataset: Dataset) -> None:
    """Leaves the numbers of an ICC profile, which are what colours are made with."""
    data = dataset.ICCProfile
    if not isinstance(data, bytes) or data[36:40] != b"acsp" or len(data) < ICC_HEADER + 4:
        del dataset.ICCProfile
        return
    (count,) = struct.unpack_from(">I", data, ICC_HEADER)
    first = ICC_HEADER + 4 + min(count, MOST_ICC_TAGS) * ICC_TAG
    kept = bytearray(len(data))
    kept[:100], kept[ICC_HEADER:first] = data[:100], data[ICC_HEADER:first]
    for place in range(ICC_HEADER + 4, min(first, len(data) - ICC_TAG + 1), ICC_TAG):
        start, size = struct.unpack_from(">II", data, place + 4)
        size = size if data[start : start + 4] in ICC_NUMBERS else _icc_frame(data, start, size)
        kept[start : start + size] = data[start : start + size]
    dataset.ICCProfile = bytes(kept[: len(data)])


def _icc_frame(data: bytes, start: int, size: int) -> int:
    """How much of a tag that is no number says only what it is: of several texts where they lie."""
    if data[start : start + 4] == b"mluc" and size >= 16:
        return min(16 + 12 * int.from_bytes(data[start + 8 : start + 12], "big"), size)
    return min(8, size)
