"""One file becomes one Image. It knows where bytes come from and nothing of what is in them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Protocol

from chat_app.errors import UnreadableFile
from chat_app.imaging.content import Content, sniff
from chat_app.imaging.dicom import DicomFile
from chat_app.imaging.limits import Limits, choose
from chat_app.imaging.raster import RasterFile
from chat_app.records import Image

DEFAULT = Limits()


class PictureFile(Protocol):
    """A file whose header was read and whose pixels were not."""

    @property
    def frames(self) -> int: ...

    def image(self, name: str, sha256: str, frame: int) -> Image: ...


def read(path: Path, *, name: str, frame: int | None = None, limits: Limits = DEFAULT) -> Image:
    """The picture in a file, as a workstation would show it.

    name: what the page and the prompt call it; the file's own name is not used, for nothing.
    frame: which of several, from 1; None when the file holds only one.

    Raises:
        UnreadableFile: it is missing, empty, damaged, or of a kind that is not opened.
        TooLarge: a limit was passed; nothing was decoded.
        FrameNeeded: it holds several frames and none was chosen.
        InputError: it has no frame of that number.
    """
    data = _load(path, limits)
    file = _open(data, limits)
    return file.image(name, hashlib.sha256(data).hexdigest(), choose(frame, file.frames))


def frames(path: Path, *, limits: Limits = DEFAULT) -> int:
    """How many pictures a file holds, from its header alone; raises as `read` does."""
    return _open(_load(path, limits), limits).frames


def _open(data: bytes, limits: Limits) -> PictureFile:
    content = sniff(data)
    if content is Content.DICOM:
        return DicomFile.open(data, limits)
    return RasterFile.open(data, content, limits)


def _load(path: Path, limits: Limits) -> bytes:
    """The file's bytes, one more than the limit at most, so that a file that grows is refused too."""
    try:
        if path.is_dir():
            raise UnreadableFile("This is a folder: choose one file in it.")
        if not path.is_file():
            raise UnreadableFile("There is no such file any more: choose the picture again.")
        limits.check_bytes(path.stat().st_size)
        with path.open("rb") as stream:
            data = stream.read(limits.file_bytes + 1)
    except OSError as error:
        raise UnreadableFile("This file cannot be read from the disk: check its permissions.") from error
    limits.check_bytes(len(data))
    return data
