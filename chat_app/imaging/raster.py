"""PNG, JPEG, TIFF, WebP, BMP and GIF through Pillow. They state no modality, and none is guessed."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL import ImageOps

from chat_app.errors import TooLarge, UnreadableFile
from chat_app.imaging.content import Content
from chat_app.imaging.grey import percentile_range, scale
from chat_app.imaging.limits import Limits
from chat_app.records import Image

if TYPE_CHECKING:
    from chat_app.records import Pixels

BOMBS = (PILImage.DecompressionBombError, PILImage.DecompressionBombWarning, MemoryError)
DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    EOFError,
    struct.error,
    zlib.error,
)
ALPHA = ("RGBA", "RGBa", "LA", "La", "PA")
WHITE_IS_ZERO, PHOTOMETRIC, BITS_PER_SAMPLE = 0, 262, 258


@dataclass(frozen=True, eq=False)
class RasterFile:
    """A raster file whose header was read. deep_colour: it holds colour of 16 bits a sample."""

    picture: PILImage.Image
    content: Content
    limits: Limits
    frames: int
    deep_colour: bool

    @classmethod
    def open(cls, data: bytes, content: Content, limits: Limits) -> RasterFile:
        """The header only: size and number of frames are checked before a pixel is decoded."""
        with mapped():
            # MPO is what Pillow calls a telephone's JPEG with a preview or depth map behind the photograph.
            formats = ["JPEG", "MPO"] if content is Content.JPEG else [content.upper()]
            picture = PILImage.open(io.BytesIO(data), formats=formats)
            limits.check_frame(picture.height, picture.width)
            frames = 1 if content is Content.JPEG else int(getattr(picture, "n_frames", 1))
            deep_colour = _has_deep_colour(picture, content, data)
        limits.check_frames(frames)
        return cls(picture, content, limits, frames, deep_colour)

    def image(self, name: str, sha256: str, frame: int) -> Image:
        """The chosen frame, upright, 8 bits deep."""
        with mapped():
            if self.frames > 1:
                self.picture.seek(frame - 1)
                self.limits.check_frame(self.picture.height, self.picture.width)
            self.picture.load()
            pixels, notes = _rendered(self.picture, self.deep_colour)
        return Image(
            name=name,
            pixels=pixels,
            sha256=sha256,
            format=self.content.value,
            frame=frame,
            frames=self.frames,
            notes=notes,
        )


def _rendered(picture: PILImage.Image, deep_colour: bool) -> tuple[Pixels, tuple[str, ...]]:
    notes: list[str] = []
    upright = ImageOps.exif_transpose(picture)
    if picture.getexif().get(0x0112, 1) in range(2, 9):
        notes.append("Turned upright as the file records.")
    if upright.mode == "F" or upright.mode.startswith("I"):
        return _deep(upright, _white_is_zero(picture), notes)
    if upright.mode == "LAB":
        raise UnreadableFile("The colour space of this picture is not opened: export it as grey or RGB.")
    if deep_colour:
        notes.append("The upper 8 of 16 bits a colour are shown.")
    if upright.mode == "CMYK":
        notes.append("CMYK colours are shown approximately.")
    if upright.mode in ALPHA or "transparency" in upright.info:
        upright = _on_black(upright.convert("RGBA"), notes)
    elif upright.mode in ("1", "L"):
        return np.asarray(upright.convert("L")), tuple(notes)
    return np.asarray(upright.convert("RGB")), tuple(notes)


def _deep(picture: PILImage.Image, inverted: bool, notes: list[str]) -> tuple[Pixels, tuple[str, ...]]:
    """Grey of more than 8 bits, whole or real numbers; Pillow's own convert would turn most of it white."""
    values: NDArray[Any] = np.asarray(picture)
    edges = percentile_range(values)
    if edges is None:
        notes.append("Every pixel has the same value: shown black.")
        return np.zeros(values.shape, np.uint8), tuple(notes)
    low, high = edges
    notes.append(f"Grey values {low:g} to {high:g} (1st to 99th percentile) are shown from black to white.")
    grey = scale(values, low, high)
    return (255 - grey if inverted else grey), tuple(notes)


def _white_is_zero(picture: PILImage.Image) -> bool:
    """TIFF 6.0, PhotometricInterpretation 0; Pillow inverts it up to 8 bits and forgets it above."""
    return _tiff_tag(picture, PHOTOMETRIC) == WHITE_IS_ZERO


def _has_deep_colour(picture: PILImage.Image, content: Content, data: bytes) -> bool:
    """Whether Pillow, which holds colour in 8 bits, will drop the lower half of each sample."""
    if picture.mode.startswith("I"):
        return False
    if content is Content.PNG:
        return data[24] == 16  # the bit depth in IHDR
    bits = _tiff_tag(picture, BITS_PER_SAMPLE)
    return isinstance(bits, tuple) and 16 in bits


def _tiff_tag(picture: PILImage.Image, tag: int) -> object:
    tags = getattr(picture, "tag_v2", {})
    return tags.get(tag)


def _on_black(picture: PILImage.Image, notes: list[str]) -> PILImage.Image:
    """Transparent parts become black, as the surroundings of a film are."""
    if picture.getchannel("A").getextrema() != (255, 255):
        notes.append("Transparent parts are shown black.")
    return PILImage.alpha_composite(PILImage.new("RGBA", picture.size, (0, 0, 0, 255)), picture)


@contextmanager
def mapped() -> Iterator[None]:
    """Pillow's faults in our words."""
    try:
        yield
    except BOMBS as error:
        raise TooLarge("This picture is larger than can be opened: export it smaller.") from error
    except DAMAGE as error:
        raise UnreadableFile("This picture file is damaged or incomplete: export it again.") from error
