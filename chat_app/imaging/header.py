"""The header pass: of each DICOM file only what sorts, places and shows it is read, and no pixel.

Names and free text are not among it. Where the pixel data lie is kept, so that a plain frame is later read
without parsing the file again; everything else goes through DicomFile.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import secrets
import struct
import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
)

from chat_app.errors import InputError, UnreadableFile
from chat_app.imaging import elements, geometry, words
from chat_app.imaging.archive import Item, load
from chat_app.imaging.cache import Cache, owner
from chat_app.imaging.dicom import DAMAGE, DicomFile, mapped
from chat_app.imaging.geometry import Placement
from chat_app.imaging.layout import PLAIN, Layout
from chat_app.imaging.layout import layout as laid_out
from chat_app.imaging.limits import MEGA, Limits
from chat_app.imaging.render import frame as rendered
from chat_app.imaging.slack import PIXELS
from chat_app.records import Frame, Origin, Plane

HEAD = 2**16  # the headers of most files fit, and one read of this costs less than many small ones
BROKEN = "The header of this DICOM file is damaged or incomplete: export it again."
DICOMDIR = "This is a DICOMDIR, which only lists other files: choose the folder it lies in."
EXPLICIT = (b"OB", b"OW", b"UN")
PIXEL_DATA = Tag("PixelData")

_KEY = secrets.token_bytes(32)
_DAY = secrets.randbelow(100_000)


@dataclass(frozen=True, eq=False)
class Header:
    """A DICOM file that holds pictures.

    dataset: the elements that are kept. placements: of each frame. offset: where its pixel data begin, when
    they are plain grey that needs no decoder, else None.
    """

    item: Item
    limits: Limits
    dataset: FileDataset
    layout: Layout
    placements: tuple[Placement | None, ...]
    offset: int | None = None
    token: int = field(default_factory=owner)

    @property
    def frames(self) -> int:
        return self.layout.frames

    def frame(self, number: int) -> Frame:
        """Decoded; from 1, in the order of the file; raises InputError."""
        if self.offset is None:
            return self.file().frame(number)
        stored = self._stored(self.offset, number)
        with mapped("What this DICOM file says of how to show its pixels is damaged: export it again."):
            return rendered(self.dataset, number, stored)

    def plane(self, number: int) -> Plane:
        with mapped(BROKEN):
            return geometry.plane(self.dataset, number)

    def text(self, keyword: str) -> str:
        """As it is written, without the blanks around it; "" where it is missing. Nothing is parsed."""
        return elements.text(self.dataset, keyword)

    def numbers(self, keyword: str) -> tuple[float, ...] | None:
        """The same of a number; None where it is missing or none."""
        if keyword in elements.REAL:
            return elements.reals(self.dataset, keyword)
        return elements.decimals(elements.raw(self.dataset, elements.TAG[keyword]))

    def of_frame(self, number: int, macro: str, keyword: str) -> Any:
        """What the functional groups say of one frame; None where they say nothing that can be read."""
        with suppress(*DAMAGE):  # what is damaged tells nothing from anything
            for name, place in (
                ("PerFrameFunctionalGroupsSequence", number - 1),
                ("SharedFunctionalGroupsSequence", 0),
            ):
                for group in (self.dataset.get(name) or [])[place : place + 1]:
                    for item in (group.get(macro) or [])[:1]:
                        if keyword in item:
                            return item[keyword].value
        return None

    def describe(self) -> Mapping[str, Any]:
        """The fields of an Image that the header states."""
        return self.file().describe()

    def known(self) -> frozenset[str]:
        """What the whole header says of the patient."""
        return words.known(self.file().dataset)

    def file(self) -> DicomFile:
        """The whole file; one of several frames is kept a while, for the others."""
        if self.frames == 1:
            return DicomFile.open(load(self.item, self.limits), self.limits)
        return FILES.get(self.token, 0, self._held).file

    def _held(self) -> Held:
        weakref.finalize(self, FILES.forget, self.token)
        data = load(self.item, self.limits)
        return Held(DicomFile.open(data, self.limits), len(data))

    def digest(self) -> str:
        """SHA-256 of the file's bytes."""
        return hashlib.sha256(load(self.item, self.limits)).hexdigest()

    def stored_digest(self) -> str:
        """SHA-256 of the pixel data as they are stored; "" where they cannot be read."""
        with suppress(InputError):  # which is met again when it is shown
            if self.offset is None:
                dataset = self.file().dataset
                pixels = next(dataset[keyword].value for keyword in PIXELS if keyword in dataset)
                return hashlib.sha256(pixels).hexdigest()
            size = self.layout.frames * self.layout.frame_bytes
            return hashlib.sha256(self.item.read(self.offset, size)).hexdigest()
        return ""

    def _stored(self, offset: int, number: int) -> NDArray[Any]:
        count = self.layout.frame_bytes
        data = self.item.read(offset + (number - 1) * count, count)
        if len(data) < count:
            raise UnreadableFile("This file is no longer what it was when it was opened: choose it again.")
        return self.layout.values(data)


@dataclass(frozen=True, eq=False)
class Held:
    """An open file and its weight."""

    file: DicomFile
    size: int


FILES: Cache[Held] = Cache(250 * MEGA, lambda held: held.size)


def read(item: Item, limits: Limits, head: bytes) -> Header:
    """The header of one file, of which `head` is the beginning.

    Raises:
        UnreadableFile: it is damaged, or holds no picture, and then the sentence names what it is.
        TooLarge: a limit was passed.
    """
    limits.check_bytes(item.size)
    with mapped(BROKEN):
        try:
            dataset, end = _parse(head)
        except DAMAGE:
            if len(head) < item.size:  # cut off here, and perhaps only here
                return whole(item, limits)
            raise
        start = _pixels(dataset, head, end)
        if start is None:
            return whole(item, limits)
        return _quick(item, limits, dataset, start)


def _quick(item: Item, limits: Limits, dataset: FileDataset, start: int) -> Header:
    """Of a file whose pixel data begin at `start`, once its size is within the limits."""
    layout = laid_out(dataset)
    limits.check_frame(layout.rows, layout.columns)
    limits.check_frames(layout.frames)
    if layout.kind is None or any(tag in dataset for tag in elements.ODD):
        return _made(item, limits, dataset, layout)
    if start + layout.frames * layout.frame_bytes > item.size:
        raise UnreadableFile(
            "The pixel data of this DICOM file is shorter than its header says: export it again."
        )
    return _made(item, limits, dataset, layout, start)


def whole(item: Item, limits: Limits) -> Header:
    """The same of a file that has to be read to its end to know it: deflated, odd, or with a long header."""
    data = load(item, limits)
    if is_directory(data):
        raise UnreadableFile(DICOMDIR)
    file = DicomFile.open(data, limits)
    with mapped(BROKEN):
        kept = FileDataset(
            "", {tag: file.dataset.get_item(tag) for tag in elements.KEPT if tag in file.dataset}
        )
        kept.file_meta = file.dataset.file_meta
        return _made(item, limits, kept, Layout.of(kept))


def _made(
    item: Item, limits: Limits, dataset: FileDataset, layout: Layout, offset: int | None = None
) -> Header:
    if layout.frames == 1 and not any(tag in dataset for tag in elements.GROUPS):
        groups = {
            keyword: elements.decimals(elements.raw(dataset, elements.TAG[keyword]))
            for keyword in elements.PLACED_BY
        }
        placements: tuple[Placement | None, ...] = (geometry.placement(groups),)
    else:
        numbers = range(1, layout.frames + 1)
        placements = tuple(geometry.placement(geometry.gather(dataset, number)) for number in numbers)
    return Header(item, limits, dataset, layout, placements, offset)


def is_directory(head: bytes) -> bool:
    """Whether a file is a DICOMDIR, from its file meta information."""
    uid = MediaStorageDirectoryStorage.encode()
    return b"\x02\0\x02\0UI" + len(uid).to_bytes(2, "little") + uid in head[:1024]


def origin(dataset: Dataset) -> Origin:
    """Whose picture it is and when it was made, by digests under a key that lives as long as this process."""
    return Origin(
        patient=_digest(dataset, "PatientID"),
        study=_digest(dataset, "StudyInstanceUID"),
        series=_digest(dataset, "SeriesInstanceUID"),
        day=day(dataset),
    )


def day(dataset: Dataset) -> int | None:
    """Days from an unknown day to the day of the study (PS3.5 6.2, DA); None where none is stated."""
    for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
        stated = elements.text(dataset, keyword).replace(".", "")
        if len(stated) == 8 and stated.isdecimal():
            try:
                return date(int(stated[:4]), int(stated[4:6]), int(stated[6:])).toordinal() + _DAY
            except ValueError:  # the 31st of February: another date of the file may be right
                continue
    return None


def _digest(dataset: Dataset, keyword: str) -> str:
    stated = elements.text(dataset, keyword)
    return hmac.new(_KEY, stated.encode(), "sha256").hexdigest()[:16] if stated else ""


def _parse(head: bytes) -> tuple[FileDataset, int]:
    """What of elements.KEPT stands before the pixel data, and where reading stopped."""
    stream = io.BytesIO(head)
    if head[128:132] != b"DICM" or _is_deflated(head):
        return FileDataset("", {}), 0
    dataset = read_partial(stream, _at_pixels, specific_tags=list(elements.KEPT))
    return dataset, stream.tell()


def _at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
    return int.__ge__(tag, 0x7FE00000)


def _is_deflated(head: bytes) -> bool:
    """Anywhere near the start is near enough: the worst it costs is a file read to its end."""
    return DeflatedExplicitVRLittleEndian.encode() in head[:1024]


def _pixels(dataset: FileDataset, head: bytes, end: int) -> int | None:
    """Where the value of Pixel Data begins, or None when reading did not stop at it."""
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if syntax is None or syntax.is_private or (syntax not in PLAIN and not syntax.is_encapsulated):
        return None
    if head[end : end + 4] != struct.pack("<HH", PIXEL_DATA.group, PIXEL_DATA.element):
        return None
    # As it is written, whatever the syntax says; of an implicit one these bytes would be an odd length.
    is_explicit = head[end + 4 : end + 6] in EXPLICIT
    return end + (12 if is_explicit else 8)
