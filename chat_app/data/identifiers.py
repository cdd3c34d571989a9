"""What a picture's file still says of a person: in its DICOM header, tags, texts, name, or pixels.

What is found is told as a kind and never repeated. It cannot know every name: a file without findings is not
proven clean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from PIL import Image as Pillow
from pydicom.dataset import Dataset

from chat_app.data.pictures import LIMITS
from chat_app.data.records import Record
from chat_app.errors import InputError
from chat_app.imaging import words
from chat_app.imaging.archive import File, load
from chat_app.imaging.content import Content, sniff
from chat_app.imaging.dicom import DicomFile
from chat_app.records import Image


class Trace(StrEnum):
    """Where something is left."""

    HEADER = "header"
    TAGS = "tags"
    TEXT = "text"
    NAME = "name"
    FIELD = "field"
    PIXELS = "pixels"


HEAD = 4096
FORMATS = ("PNG", "JPEG", "MPO", "TIFF", "WEBP", "BMP", "GIF")
# What a pseudonym may stand in, once the file says that identities were removed (PS3.15 E.1, code D or Z).
PSEUDONYMS = frozenset({"PatientName", "PatientID", "AccessionNumber", "OtherPatientIDs"})
# EXIF 2.32: Artist, DateTimeOriginal, CameraOwnerName, BodySerialNumber, Windows' author; GPS is a part.
PERSONAL = (0x013B, 0x9003, 0xA430, 0xA431, 0x9C9D)
# ImageDescription, UserComment, and Windows' title, comment, keywords, subject.
FREE = (0x010E, 0x9286, 0x9C9B, 0x9C9C, 0x9C9E, 0x9C9F)
EXIF_PART, GPS_PART = 0x8769, 0x8825
# Keywords of PNG's texts (PNG 11.3.3.2) and of XMP that say who.
WHO = re.compile(r"author|artist|creator|patient|owner|operator|physician", re.IGNORECASE)
XMP_WHO = ("dc:creator", "photoshop:AuthorsPosition", "exif:GPSLatitude", "aux:OwnerName")
TECHNICAL = frozenset({"software", "dpi", "gamma", "version", "signature", "transparency", "jfif_density"})
CARET = re.compile(r"[^\W\d_]{2,}\s?\^")  # SMITH^JOHN
DAY = re.compile(r"(?<!\d)(19|20)\d\d[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])(?!\d)")
SHORTEST = 4  # letters of a name in the header that are looked for in the file's name
FIELDS = re.compile(
    r"(patient|first|last|family|given|sur)_?name|birth|\bdob\b|\bmrn\b|\bssn\b|phone|address"
)


def in_record(record: Record) -> set[Trace]:
    """FIELD, when the row itself has a column named after what identifies people."""
    is_told = any(FIELDS.search(key.lower()) and value for key, value in record.said.items())
    return {Trace.FIELD} if is_told else set()


def in_file(path: Path) -> set[Trace]:
    """What the file says beside its pixels; raises InputError when it cannot be read."""
    item = File.at(path)
    stem = words.folded(path.stem)
    if sniff(item.read(0, HEAD)) is Content.DICOM:
        dataset = DicomFile.open(load(item, LIMITS), LIMITS).dataset
        found = {Trace.HEADER} if _people(dataset) else set()
        names = {part for value in words.known(dataset, words.PEOPLE) for part in words.parts(value)}
        is_named = any(len(part) >= SHORTEST and part in stem for part in names)
    else:
        found, is_named = _in_raster(path), False
    is_dated = bool(CARET.search(stem) or DAY.search(stem))
    return found | ({Trace.NAME} if is_named or is_dated else set())


def in_pixels(image: Image) -> set[Trace]:
    """Whether letters in the picture may name someone; raises SetupError without the extra "ocr"."""
    return {Trace.PIXELS} if words.find(image.pixels, is_strict=bool(image.caution)) else set()


def _people(dataset: Dataset) -> set[str]:
    told = {keyword for keyword in words.PEOPLE if str(dataset.get(keyword) or "").strip()}
    is_removed = str(dataset.get("PatientIdentityRemoved") or "").upper() == "YES"
    return told - PSEUDONYMS if is_removed else told


def _in_raster(path: Path) -> set[Trace]:
    try:
        with Pillow.open(path, formats=FORMATS) as picture:
            exif = picture.getexif()
            parts = (exif, exif.get_ifd(EXIF_PART))
            is_personal = any(_is_told(part.get(tag)) for part in parts for tag in PERSONAL)
            free = [str(part[tag]) for part in parts for tag in FREE if _is_told(part.get(tag))]
            found = {Trace.TAGS} if is_personal or exif.get_ifd(GPS_PART) else set()
            return found | {trace for text in (*free, *_texts(picture.info)) for trace in _judged(text)}
    except (OSError, ValueError, SyntaxError, TypeError, LookupError, Pillow.DecompressionBombError) as error:
        raise InputError("What this file says beside its pixels cannot be read: export it again.") from error


def _texts(info: Mapping[Any, Any]) -> Iterator[str]:
    """The free texts of a file, each after its keyword."""
    for key, value in info.items():
        plain = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if key in ("xmp", "XML:com.adobe.xmp"):
            yield "author:" if any(word in str(plain) for word in XMP_WHO) else "xmp:"
        elif (
            isinstance(plain, str)
            and str(key).lower() not in TECHNICAL
            and (key == "comment" or value is plain)
        ):
            yield f"{key}: {plain}"


def _judged(text: str) -> Iterator[Trace]:
    """TAGS for a text that says who, or looks as if; TEXT for one that only a person can judge."""
    key, _, value = text.partition(":")
    plain = words.folded(value)
    if WHO.search(key) or words.NAMED.search(plain) or words.NUMBERED.search(plain):
        yield Trace.TAGS
    else:
        yield Trace.TEXT


def _is_told(value: object) -> bool:
    return bool(str(value).strip("\0 ")) if value is not None else False
