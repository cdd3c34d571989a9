"""Files, folders and archives become Images. It knows where bytes come from and not what is in them."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chat_app.errors import InputError, UnreadableFile
from chat_app.imaging import burned, header, series
from chat_app.imaging.archive import File, Item, items, load
from chat_app.imaging.content import OPENED, Content, sniff
from chat_app.imaging.header import HEAD, Header
from chat_app.imaging.limits import Limits, choose
from chat_app.imaging.nifti import NiftiFile
from chat_app.imaging.raster import RasterFile
from chat_app.imaging.series import Series
from chat_app.imaging.stack import FileStack, Place
from chat_app.imaging.volume import Cut
from chat_app.records import Frame, Image, Plane

DEFAULT = Limits()
SAY_EVERY = 50  # files
ZIPPED = f"This is a ZIP archive, not a picture: unpack it first; {OPENED}."


@dataclass(frozen=True, eq=False)
class Opened:
    """What came of some places: pictures, one sentence for each thing that is none, and what else to know."""

    images: tuple[Image, ...]
    refused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read(path: Path, *, name: str, frame: int | None = None, limits: Limits = DEFAULT) -> Image:
    """The picture in a file, as a workstation would show it.

    name: what the page and the prompt call it; the file's own name is not used, for nothing.
    frame: which of several, from 1 in the order of the file; None when the file holds only one.

    Raises:
        UnreadableFile: it is missing, empty, damaged, or of a kind that is not opened.
        TooLarge: a limit was passed; nothing was decoded.
        FrameNeeded: it holds several frames and none was chosen.
        InputError: it has no frame of that number.
    """
    stack = _lone(path, limits)
    return stack.image(name, choose(frame, stack.frames))


def frames(path: Path, *, limits: Limits = DEFAULT) -> int:
    """How many pictures a file holds, from its header alone; raises as `read` does."""
    return _lone(path, limits).frames


def study(
    places: Sequence[Path | zipfile.Path],
    *,
    first: int = 1,
    limits: Limits = DEFAULT,
    say: Callable[[str], None] | None = None,
) -> Opened:
    """Every picture in these files, folders and archives: studies newest first, in each series by number.

    first: the number of the first picture, which is called "image {first}". say: is told how far it is. The
    files must stay where they are as long as the pictures are used, for their pixels are read from them.

    Raises:
        InputError: there was only one thing, and it is no picture.
        TooLarge: together they pass a limit.
    """
    found = Found(limits)
    for item in items(places, limits):
        found.add(item)
        if say and found.count % SAY_EVERY == 0:
            say(f"Looking at file {found.count} ...")
    found.check_directories()
    arranged = series.arrange(list(found.headers))
    images: list[Image] = []
    localisers: list[str] = []
    for number, (stack, numbers, is_localiser) in enumerate(found.stacks(arranged.series)):
        if say:
            say(f"Opening picture {number + 1} ...")
        image = found.opened(stack, numbers, f"image {first + len(images)}")
        if image is not None:
            images.append(image)
            localisers += [image.name] * is_localiser
    if not images and len(found.faults) == 1:
        raise found.faults[0].error
    if not found.count:
        raise InputError("There is no file in it: choose the pictures, or the folder they lie in.")
    notes = (*arranged.notes, *_localiser_note(localisers))
    return Opened(tuple(images), found.refused, notes)


def checked(image: Image) -> Image:
    """The picture searched for names in its pixels, where that can be done: see `burned.check`."""
    known = image.stack.known() if isinstance(image.stack, FileStack) else frozenset()
    return burned.check(image, known)


@dataclass(frozen=True)
class Fault:
    """Why some files were not opened, by their numbers."""

    numbers: tuple[int, ...]
    error: InputError


@dataclass
class Found:
    """What the files of some places turned out to be."""

    limits: Limits
    headers: dict[Header, int] = field(default_factory=dict)
    loose: list[tuple[FileStack | Cut, int]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    directories: list[int] = field(default_factory=list)
    count: int = 0

    def add(self, item: Item | InputError) -> None:
        """Looks at one file; what is wrong with it is kept and stops nothing."""
        self.count += 1
        try:
            if isinstance(item, InputError):
                raise item
            self._add(item)
        except InputError as error:
            self.faults.append(Fault((self.count,), error))

    def _add(self, item: Item) -> None:
        self.limits.check_bytes(item.size)
        head = item.read(0, HEAD)
        content = sniff(head)
        if content is Content.DICOM and header.is_directory(head):
            self.directories.append(self.count)
        elif content is Content.DICOM:
            self.headers[header.read(item, self.limits, head)] = self.count
        else:
            self.loose.append((_stack(item, content, self.limits), self.count))

    def check_directories(self) -> None:
        """A DICOMDIR is passed over beside the files it lists, and refused where there are none."""
        if not self.headers and not self.loose:
            self.faults += [Fault((number,), UnreadableFile(header.DICOMDIR)) for number in self.directories]

    def stacks(self, arranged: Sequence[Series]) -> list[tuple[FileStack | Cut, tuple[int, ...], bool]]:
        """Every stack in order, with the numbers of its files and whether it is a localiser."""
        found: list[tuple[FileStack | Cut, tuple[int, ...], bool]] = []
        for each in arranged:
            numbers = tuple(dict.fromkeys(self.headers[one.header] for one in each.slices))
            try:
                found.append((_of_series(each, self.limits), numbers, each.is_localiser))
            except InputError as error:
                self.faults.append(Fault(numbers, error))
        return found + [(stack, (number,), False) for stack, number in self.loose]

    def opened(self, stack: FileStack | Cut, numbers: tuple[int, ...], name: str) -> Image | None:
        """The stack at the frame it is shown at first; None when it cannot be decoded."""
        try:
            return stack.image(name, stack.start)
        except InputError as error:
            self.faults.append(Fault(numbers, error))
            return None

    @property
    def refused(self) -> tuple[str, ...]:
        """One sentence for each kind of fault."""
        alike: dict[str, list[int]] = {}
        for fault in self.faults:
            alike.setdefault(str(fault.error), []).extend(fault.numbers)
        return tuple(self._told(numbers, text) for text, numbers in alike.items())

    def _told(self, numbers: Sequence[int], text: str) -> str:
        if len(numbers) > 1:
            return f"{len(numbers)} files: {text}"
        return f"File {numbers[0]} of {self.count}: {text}" if self.count > 1 else text


@dataclass(frozen=True, eq=False)
class Raster:
    """A raster file as the source of a stack; it is read again for each picture."""

    item: Item
    content: Content
    limits: Limits

    def file(self) -> RasterFile:
        return RasterFile.open(load(self.item, self.limits), self.content, self.limits)

    def frame(self, number: int) -> Frame:
        return self.file().frame(number)

    def plane(self, number: int) -> Plane:
        return Plane()

    def describe(self) -> Mapping[str, Any]:
        return {"format": self.content.value}

    def known(self) -> frozenset[str]:
        return frozenset()


def _lone(path: Path, limits: Limits) -> FileStack | Cut:
    """The pictures of one file, in its own order."""
    item = File.at(path)
    limits.check_bytes(item.size)
    content = sniff(item.read(0, HEAD))
    if content is Content.DICOM:
        return _of_series(series.of_file(header.whole(item, limits)), limits)
    return _stack(item, content, limits)


def _stack(item: Item, content: Content, limits: Limits) -> FileStack | Cut:
    """The pictures of a file that is no DICOM."""
    if content is Content.ZIP:
        raise UnreadableFile(ZIPPED)
    if content is Content.NIFTI:
        return NiftiFile.open(item, limits).stack
    source = Raster(item, content, limits)
    places = [Place(source, number) for number in range(1, source.file().frames + 1)]
    return FileStack(places, "frame", lambda: _digest(item, limits))


def _of_series(each: Series, limits: Limits) -> FileStack:
    return FileStack(
        [Place(one.header, one.number) for one in each.slices],
        each.unit,
        lambda: _series_digest(each),
        notes=each.notes,
        grid=each.grid,
        has_one_window=each.has_one_window,
        most_bytes=limits.memory_bytes,
    )


def _series_digest(each: Series) -> str:
    """Of the file's bytes when it is a whole file; else of the instances' UIDs, or the bytes where they fail.

    Of some frames of a file their numbers count too, as the others are another picture.
    """
    files = list(dict.fromkeys(one.header for one in each.slices))
    if len(files) == 1 and len(each.slices) == files[0].frames:
        return files[0].digest()
    names = {file: file.text("SOPInstanceUID") for file in files}
    if len({*names.values()} - {""}) < len(files):
        names = {file: file.digest() for file in files}
    told = sorted(
        f"{names[one.header]} {one.number}" if one.header.frames > 1 else names[one.header]
        for one in each.slices
    )
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _digest(item: Item, limits: Limits) -> str:
    return hashlib.sha256(load(item, limits)).hexdigest()


def _localiser_note(names: Sequence[str]) -> list[str]:
    if not names:
        return []
    are = "is a localiser" if len(names) == 1 else "are localisers"
    return [f"{', '.join(names).capitalize()} {are}, kept apart from the slices."]
