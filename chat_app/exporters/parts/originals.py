"""The headers of the DICOM files that a report's pictures came from, for the forms that go back beside them.

A report holds no UID: a file is known to be one of its pictures by the SHA-256 that both have. Pixels are
never kept.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from chat_app.errors import InputError
from chat_app.records import NAME, Image, Report

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from chat_app.imaging.header import Header

MISSING = "This form goes back beside the pictures' own DICOM files and needs them: give those of {name}."
OTHER = "What was given as {name} is not the picture this report was made from: give that one."
UNPROVEN = "This report holds no hash of {name}, so no file can be shown to be that picture: draft it again."
PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


@dataclass(frozen=True, eq=False)
class Original:
    """What the file of one frame says, without its pixels, and which of the file's frames it is, from 1."""

    header: Dataset
    frame: int = 1


# By the name of a picture ("image 1"): one for each of its frames, in the order they are paged through.
Originals = Mapping[str, Sequence[Original]]
NONE: Originals = MappingProxyType({})


def matched(report: Report, images: Sequence[Image]) -> tuple[Image, ...]:
    """Of the images those that the report was made from, by the hash of each, under its names."""
    names = {digest: base(name) for name, digest in report.hashes.items()}
    return tuple(
        replace(each, name=names[each.sha256]) for each in images if each.sha256 and each.sha256 in names
    )


def of(report: Report, images: Sequence[Image]) -> Originals:
    """The headers of those images that came from DICOM files; the files are read again.

    Raises:
        InputError: an image is not the picture that the report has under its name, or the report holds no
            hash to tell.
        UnreadableFile: a file is no longer there.
    """
    check(report, images)
    hashed = {base(name) for name in report.hashes}
    for image in images:
        if image.name not in hashed:
            raise InputError(UNPROVEN.format(name=image.name))
    placed = {image.name: _places(image) for image in images}
    return {name: _originals(places) for name, places in placed.items() if places}


def check(report: Report, images: Sequence[Image]) -> None:
    """Raises InputError, when an image is not the picture that the report has under its name."""
    for image in images:
        known = {digest for name, digest in report.hashes.items() if base(name) == image.name}
        if known and image.sha256 not in known:
            raise InputError(OTHER.format(name=image.name))


def original(originals: Originals, name: str) -> Original:
    """That of a picture, or of "image 1, slice 5"; raises InputError when it was not given."""
    match = NAME.fullmatch(name)
    frames = originals.get(match[1], ()) if match else ()
    number = int(match[2] or 1) if match else 1
    if number > len(frames) or (match and not match[2] and len(frames) > 1):
        raise InputError(MISSING.format(name=name or "each picture"))
    return frames[number - 1]


def study(report: Report, originals: Originals) -> Dataset:
    """A header that says which patient and study the report is about.

    Raises:
        InputError: none was given, or they are of several studies.
    """
    every = [each.header for frames in originals.values() for each in frames]
    if not every:
        raise InputError(MISSING.format(name=", ".join(report.images) or "its pictures"))
    if len({str(header.get("StudyInstanceUID", "")) for header in every}) > 1:
        raise InputError("The pictures are of several studies, and a form beside them belongs to one.")
    return every[0]


def _places(image: Image) -> list[tuple[Header, int]]:
    """The file of each frame and its number there; none of a picture that came from no DICOM file."""
    from chat_app.imaging.header import Header
    from chat_app.imaging.stack import FileStack

    if not isinstance(image.stack, FileStack):
        return []
    places = image.stack.places
    return [(each.source, each.number) for each in places if isinstance(each.source, Header)]


def _originals(places: Sequence[tuple[Header, int]]) -> tuple[Original, ...]:
    """In the order of the stack; a file of several frames is read once."""
    read = {header: _read(header) for header in dict.fromkeys(header for header, _ in places)}
    return tuple(Original(read[header], number) for header, number in places)


def _read(header: Header) -> Dataset:
    from pydicom import dcmread

    from chat_app.imaging.archive import load
    from chat_app.imaging.dicom import mapped
    from chat_app.imaging.header import BROKEN

    data = load(header.item, header.limits)
    with mapped(BROKEN):
        dataset = dcmread(io.BytesIO(data), stop_before_pixels=True, force=True)
        for keyword in PIXELS:
            dataset.pop(keyword, None)
        return dataset


def base(name: str) -> str:
    """The picture that a name is of: "image 1" for "image 1, slice 5"."""
    match = NAME.fullmatch(name)
    return match[1] if match else name
