"""PNG, JPEG, TIFF, WebP, BMP and GIF, opened by Pillow in a worker; none of them states a modality."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chat_app.errors import UnreadableFile
from chat_app.imaging import render, voi
from chat_app.imaging.content import Content
from chat_app.imaging.decode import Undecodable, decode
from chat_app.imaging.limits import Limits
from chat_app.records import Frame, Plane

SAID = {
    "turned": "Turned upright as the file records.",
    "16 bits": "The upper 8 of 16 bits a colour are shown.",
    "cmyk": "CMYK colours are shown approximately.",
    "transparent": "Transparent parts are shown black.",
}


@dataclass(frozen=True, eq=False)
class RasterFile:
    """A raster file whose header was read and is within the limits; none of its pictures is decoded yet."""

    data: bytes
    content: Content
    limits: Limits
    frames: int

    @classmethod
    def open(cls, data: bytes, content: Content, limits: Limits) -> RasterFile:
        """The header only: size and number of frames are checked before a pixel is decoded."""
        with mapped():
            header = decode("header", data, limits, formats=_formats(content)).description
        limits.check_frame(header["rows"], header["columns"])
        limits.check_frames(header["frames"])
        if header["mode"] == "LAB":
            raise UnreadableFile("The colour space of this picture is not opened: export it as grey or RGB.")
        # What follows the photograph in a telephone's JPEG is its preview or depth map.
        return cls(data, content, limits, 1 if content is Content.JPEG else header["frames"])

    def frame(self, number: int) -> Frame:
        """One picture of the file, upright; from 1. Raises UnreadableFile or TooLarge."""
        with mapped():
            decoded = decode("raster", self.data, self.limits, formats=_formats(self.content), frame=number)
        values, done = decoded.values, decoded.description["done"]
        notes = tuple(SAID[word] for word in SAID if word in done)
        if decoded.description["kind"] == "colour":
            return Frame(values, notes=notes)
        if decoded.description["kind"] == "grey":
            return Frame(values.astype(np.uint16), looks=(voi.AS_STORED,), notes=notes)
        return _deep(values, "white is zero" in done, notes)

    def plane(self, number: int) -> Plane:
        """Nothing is known of where a raster picture lies."""
        return Plane()

    def describe(self) -> dict[str, Any]:
        """What an Image says of the file, by the names of its fields."""
        return {"format": self.content.value}


def _deep(values: NDArray[Any], is_inverted: bool, notes: tuple[str, ...]) -> Frame:
    """Grey of more than 8 bits, whole or real numbers; Pillow's own convert would turn most of it white."""
    look = voi.percentiles(values)
    narrow = render.narrow(values)
    return Frame(narrow, inverted=is_inverted, looks=(look,), notes=notes)


def _formats(content: Content) -> list[str]:
    # MPO is what Pillow calls a telephone's JPEG with a preview or depth map behind the photograph.
    return ["JPEG", "MPO"] if content is Content.JPEG else [content.upper()]


@contextmanager
def mapped() -> Iterator[None]:
    """The worker's faults in our words."""
    try:
        yield
    except Undecodable as error:
        raise UnreadableFile("This picture file is damaged or incomplete: export it again.") from error
