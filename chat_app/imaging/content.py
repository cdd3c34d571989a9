"""What a file is, told by its first bytes; its name and extension are never looked at."""

from __future__ import annotations

import codecs
import zlib
from enum import StrEnum

from chat_app.errors import UnreadableFile


class Content(StrEnum):
    """The kinds that are opened."""

    DICOM = "DICOM"
    PNG = "PNG"
    JPEG = "JPEG"
    TIFF = "TIFF"
    WEBP = "WebP"
    BMP = "BMP"
    GIF = "GIF"
    NIFTI = "NIfTI"
    ZIP = "ZIP"


RASTER = (
    (b"\x89PNG\r\n\x1a\n", Content.PNG),
    (b"\xff\xd8\xff", Content.JPEG),
    (b"II*\0", Content.TIFF),
    (b"MM\0*", Content.TIFF),
    (b"II+\0", Content.TIFF),
    (b"MM\0+", Content.TIFF),
    (b"GIF87a", Content.GIF),
    (b"GIF89a", Content.GIF),
)
OTHER = (
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\xff\x4f\xff\x51", "a bare JPEG 2000 stream"),
    (b"\0\0\0\x0cjP", "a JPEG 2000 file"),
)
ZIPS = (b"PK\x03\x04", b"PK\x05\x06")
OPENED = "DICOM, NIfTI, PNG, JPEG, TIFF, WebP, BMP and GIF are opened"


def sniff(data: bytes) -> Content:
    """The kind of a file from its bytes, of which the first 4,096 are enough.

    Raises:
        UnreadableFile: it is empty, or of a kind that is not opened, which the sentence names.
    """
    if not data:
        raise UnreadableFile("This file is empty: choose the picture again.")
    # First, because a DICOM file may carry a whole TIFF header in its preamble (PS3.10 section 7.1).
    if data[128:132] == b"DICM":
        return Content.DICOM
    for signature, content in RASTER:
        if data.startswith(signature):
            return content
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Content.WEBP
    if data[:2] == b"BM" and not _is_text(data):
        return Content.BMP
    if data.startswith(ZIPS):
        return Content.ZIP
    if _is_nifti(data):
        return Content.NIFTI
    for signature, kind in OTHER:
        if data.startswith(signature):
            raise UnreadableFile(f"This is {kind}, not a picture: {OPENED}.")
    if data[4:8] == b"ftyp":
        raise UnreadableFile(f"This is a HEIC photograph or a film, not a picture that is opened: {OPENED}.")
    if _is_bare_dicom(data):
        return Content.DICOM
    if _is_text(data):
        raise UnreadableFile(f"This is text, not a picture: {OPENED}.")
    raise UnreadableFile(f"This is not a picture of a known kind: {OPENED}.")


def _is_nifti(data: bytes) -> bool:
    """NIfTI-1 or -2, plain or gzipped (only the header is inflated)."""
    head = data[:352]
    if data.startswith(b"\x1f\x8b"):
        try:
            head = zlib.decompressobj(wbits=31).decompress(data[:4096], 352)
        except zlib.error:
            return False
    return head[344:348] in (b"n+1\0", b"ni1\0") or head[4:8] in (b"n+2\0", b"ni2\0")


def _is_bare_dicom(data: bytes) -> bool:
    """DICOM without preamble: it opens with a low, even group, and a representation or a short length."""
    if data[:2] not in (b"\x02\0", b"\x08\0", b"\0\x08") or len(data) < 16:
        return False
    is_explicit = data[4:6].isalpha() and data[4:6].isupper()
    return is_explicit or int.from_bytes(data[4:8], "little") < 1024


def _is_text(data: bytes) -> bool:
    try:
        start = codecs.getincrementaldecoder("utf-8")().decode(data[:1024])
    except UnicodeDecodeError:
        return data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return all(character.isprintable() or character in "\t\n\r\f\ufeff" for character in start)
