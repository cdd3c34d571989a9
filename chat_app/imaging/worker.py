"""Decodes compressed pictures in a process of its own, one after another, until its input ends.

A script that needs only numpy, Pillow and pydicom: what it is sent may end it, fill its memory or never stop,
and whoever started it kills it then. It is sent pixel descriptions and compressed bytes, and no header.

An order and an answer are each: two sizes, a description in JSON, and bytes.
"""

from __future__ import annotations

import io
import json
import os
import struct
import sys
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps

SIZES = struct.Struct(">IQ")
Order = tuple[dict[str, Any], bytes]
Described = tuple[dict[str, Any], Any]  # what is described is anything that can be written to a stream

DAMAGE = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    EOFError,
    OSError,
    SyntaxError,
    ImportError,
    struct.error,
    zlib.error,
)
BASELINE = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
# The fastest first; each is asked only when those before it are not installed or do not know the syntax.
DECODERS = ("pyjpegls", "pylibjpeg", "gdcm", "pydicom", "pillow")
ORIENTATION, PHOTOMETRIC, BITS_PER_SAMPLE, WHITE_IS_ZERO = 0x0112, 262, 258, 0
SAMPLES = {"L": 1, "RGB": 3}
ALPHA = ("RGBA", "RGBa", "LA", "La", "PA")


def main() -> None:
    """Answers orders from standard input until there are no more."""
    # Whatever a C library prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    # The size is held to by whoever sends the order, and the memory by the system.
    Pillow.MAX_IMAGE_PIXELS = None
    _leave_no_core()
    while order := _receive(sys.stdin.buffer):
        number = order[0].pop("number")
        description, data = answer(*order)
        _send(answers, description | {"number": number}, data)


def answer(order: dict[str, Any], data: bytes) -> Described:
    """What one order asks for, or {"fault": "memory"} or {"fault": "damage"}."""
    try:
        _hold_memory(order.pop("memory"))
        return TASKS[order.pop("task")](data, **order)
    except MemoryError:
        return {"fault": "memory"}, b""
    except DAMAGE:
        return {"fault": "damage"}, b""


def dicom(data: bytes, *, syntax: str, **description: Any) -> Described:
    """One compressed frame as stored, colour as RGB; `description` in the words of pydicom's decoders."""
    if syntax in BASELINE:
        return _described(_baseline(data, description))
    from pydicom.encaps import encapsulate
    from pydicom.pixels.decoders.base import get_decoder

    decoder = get_decoder(syntax)
    (plugin, *_) = (name for name in DECODERS if name in decoder.available_plugins)
    description |= {"pixel_keyword": "PixelData", "number_of_frames": 1}
    frame = encapsulate([data], has_bot=False)
    return _described(decoder.as_array(frame, index=0, decoding_plugin=plugin, **description)[0])


def header(data: bytes, *, formats: list[str]) -> Described:
    """Size, number of frames and mode of a raster picture, undecoded."""
    with Pillow.open(io.BytesIO(data), formats=formats) as picture:
        description = {
            "columns": picture.width,
            "rows": picture.height,
            "frames": int(getattr(picture, "n_frames", 1)),
            "mode": picture.mode,
        }
    return description, b""


def raster(data: bytes, *, formats: list[str], frame: int) -> Described:
    """One raster picture upright: grey or RGB of 8 bits, or "deep" grey as stored; and what was done."""
    with Pillow.open(io.BytesIO(data), formats=formats) as picture:
        if frame > 1:
            picture.seek(frame - 1)
        picture.load()
        done = ["turned"] if picture.getexif().get(ORIENTATION, 1) in range(2, 9) else []
        if _has_deep_colour(picture, data):
            done.append("16 bits")
        if _tag(picture, PHOTOMETRIC) == WHITE_IS_ZERO:
            done.append("white is zero")
        upright = ImageOps.exif_transpose(picture)
    if upright.mode == "F" or upright.mode.startswith("I"):
        return _described(np.asarray(upright), kind="deep", done=done)
    shown = _plain(upright, done)
    return _described(np.asarray(shown), kind="grey" if shown.mode == "L" else "colour", done=done)


def _baseline(data: bytes, description: dict[str, Any]) -> NDArray[Any]:
    """JPEG of 8 bits, its colour converted by libjpeg: pydicom's own conversion takes ten times as long."""
    with Pillow.open(io.BytesIO(data), formats=["JPEG"]) as picture:
        if SAMPLES.get(picture.mode) != description["samples_per_pixel"]:
            raise ValueError("the stream has another number of samples than the header says")
        if picture.mode == "RGB":
            stored = "YCbCr" if _is_ycbcr(picture, description["photometric_interpretation"]) else "RGB"
            picture.tile = [tile._replace(args=("RGB", stored)) for tile in picture.tile]
        return np.asarray(picture)


def _is_ycbcr(picture: Any, photometric: str) -> bool:
    """What the stream says of its own colours, and where it says nothing, what the DICOM header says."""
    if "adobe_transform" in picture.info:
        return bool(picture.info["adobe_transform"])
    if "jfif" in picture.info:
        return True
    letters = bytes(component[0] for component in picture.layer)
    return letters != b"RGB" and photometric.startswith("YBR")


def _plain(picture: Pillow.Image, done: list[str]) -> Pillow.Image:
    """Grey or RGB without transparency; transparent parts become black, as the surroundings of a film are."""
    if picture.mode == "CMYK":
        done.append("cmyk")
    if picture.mode in ALPHA or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        if picture.getchannel("A").getextrema() != (255, 255):
            done.append("transparent")
        black = Pillow.new("RGBA", picture.size, (0, 0, 0, 255))
        picture = Pillow.alpha_composite(black, picture)
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")


def _has_deep_colour(picture: Pillow.Image, data: bytes) -> bool:
    """Whether Pillow, which holds colour in 8 bits, has dropped the lower half of each sample."""
    if picture.mode.startswith("I"):
        return False
    if picture.format == "PNG":
        return data[24] == 16  # the bit depth in IHDR
    bits = _tag(picture, BITS_PER_SAMPLE)
    return isinstance(bits, tuple) and 16 in bits


def _tag(picture: Pillow.Image, tag: int) -> object:
    tags = getattr(picture, "tag_v2", {})
    return tags.get(tag)


def _described(values: NDArray[Any], **more: Any) -> Described:
    return {"dtype": values.dtype.str, "shape": values.shape, **more}, np.ascontiguousarray(values)


def _leave_no_core() -> None:
    """A decoder that crashes must not leave the picture in a core file."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _hold_memory(most: int) -> None:
    """Asks the system to refuse more than `most` bytes; Windows has no such limit."""
    if sys.platform != "win32":
        import resource

        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _receive(stream: BinaryIO) -> Order | None:
    """The next order, or None when there is no more."""
    sizes = stream.read(SIZES.size)
    if len(sizes) < SIZES.size:
        return None
    described, data = SIZES.unpack(sizes)
    return json.loads(stream.read(described)), stream.read(data)


def _send(stream: BinaryIO, description: dict[str, Any], data: Any) -> None:
    described = json.dumps(description).encode()
    stream.write(SIZES.pack(len(described), memoryview(data).nbytes) + described)
    stream.write(data)
    stream.flush()


TASKS: dict[str, Callable[..., Described]] = {"dicom": dicom, "header": header, "raster": raster}

if __name__ == "__main__":
    main()
