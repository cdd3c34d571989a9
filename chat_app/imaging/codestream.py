"""The size that a JPEG or JPEG 2000 stream states of itself, read without decoding it.

A DICOM header may say 64 x 64 and the stream inside 60,000 x 60,000; a decoder believes the stream.
"""

from __future__ import annotations

import struct

START_OF_SCAN = 0xDA
# Every start of frame of ISO 10918-1 and the one of JPEG-LS, less the codes between them that are tables.
START_OF_FRAME = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
JPEG_2000 = b"\xff\x4f\xff\x51"


def size(stream: bytes) -> tuple[int, int] | None:
    """Columns and rows, or None for a stream that does not say (RLE); struct.error when it is cut off."""
    if stream.startswith(JPEG_2000):
        right, bottom, left, top = struct.unpack_from(">4I", stream, 8)
        return right - left, bottom - top
    return _jpeg_size(stream) if stream.startswith(b"\xff\xd8") else None


def _jpeg_size(stream: bytes) -> tuple[int, int] | None:
    position = 2
    while position < len(stream):
        mark, marker, length = struct.unpack_from(">BBH", stream, position)
        if mark != 0xFF or marker == START_OF_SCAN:
            return None
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        if marker in START_OF_FRAME:
            rows, columns = struct.unpack_from(">HH", stream, position + 5)
            return columns, rows
        position += 2 + length
    return None
