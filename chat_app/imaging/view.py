"""What the model is shown of a picture: which frames, under which windows, fitted to what square."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as PILImage

from chat_app.imaging.presets import HU
from chat_app.records import Contract, Image, Look, View, Window

if TYPE_CHECKING:
    from chat_app.records import Pixels

    Shown = tuple[Pixels, tuple[Window, ...], tuple[str, ...]]

GREY, COLOURS = 1, 3


def chosen(image: Image, contract: Contract) -> tuple[str, ...]:
    """The names of the frames that a question about the whole of `image` shows to the model, in order.

    As many as the contract takes, spread evenly from the first to the last; the one in question is always
    among them, in the place of the nearest.
    """
    most = min(contract.slices, contract.most_images, image.frames)
    if most <= 1:
        return (image.place,)
    frames = [round(number) for number in np.linspace(1, image.frames, most)]
    nearest = min(range(most), key=lambda place: abs(frames[place] - image.frame))
    frames[nearest] = image.frame
    return tuple(f"{image.name}, {image.unit} {frame}" for frame in frames)


def look(image: Image, contract: Contract) -> View:
    """The frame as the model sees it: three channels, `contract.size` pixels a side, bicubic.

    "squash" fills the square and bends the proportions; "pad" keeps those of the patient (pixels need not be
    square), centred on black. Windows are the contract's for the modality, else the file's own; whatever the
    page shows meanwhile, so that the same question gets the same view.

    Raises:
        ValueError: the contract asks for another way of fitting, or for two windows.
    """
    pixels, windows, notes = _windowed(image, contract)
    width, height = _fit(image.columns, image.rows * image.plane.aspect, contract)
    left, top = (contract.size - width) // 2, (contract.size - height) // 2
    # Three channels after the resampling: before it, a grey film would be resampled three times over.
    picture = PILImage.fromarray(pixels).resize((width, height), PILImage.Resampling.BICUBIC)
    square = np.zeros((contract.size, contract.size, 3), np.uint8)
    square[top : top + height, left : left + width] = np.asarray(picture.convert("RGB"))
    return View(
        image=image.place,
        pixels=square,
        left=left,
        top=top,
        width=width,
        height=height,
        columns=image.columns,
        rows=image.rows,
        windows=windows,
        frame=image.frame,
        frames=image.frames,
        plane=image.plane.name,
        notes=notes,
    )


def block(image: Image, view: View) -> dict[str, Any]:
    """The view as a LangChain content block, with what the file states of the picture beside it."""
    return {
        "type": "image",
        "base64": base64.b64encode(png(view)).decode(),
        "mime_type": "image/png",
        "extras": {"name": view.image, "modality": image.modality, "body_part": image.body_part},
    }


def png(view: View) -> bytes:
    """The view as a PNG file, lossless: what is sent is what was stored."""
    stream = io.BytesIO()
    # A question waits for this: packing harder takes four times as long and saves a quarter.
    PILImage.fromarray(view.pixels).save(stream, format="PNG", compress_level=1)
    return stream.getvalue()


def _windowed(image: Image, contract: Contract) -> Shown:
    """The frame under the windows that the contract names: one for grey, three for red, green and blue."""
    names = contract.windows.get(image.modality, ())
    if len(names) not in (0, GREY, COLOURS):
        raise ValueError(f"A contract names one window or three for a modality, not {len(names)}.")
    own = (image.window,) if image.window else ()
    if image.stack is None or not names or image.pixels.ndim == 3:
        return image.pixels, own, ()
    looks = [_asked(name, image.stack.looks) for name in names]
    if missing := [_called(name) for name, each in zip(names, looks, strict=True) if each is None]:
        return image.pixels, own, (f"the file's own window, for want of {' and '.join(missing)}",)
    found = [each for each in looks if each is not None]
    shown = [image.stack.image(image.name, image.frame, each).pixels for each in found]
    windows = tuple(Window(each.window.center, each.window.width, each.name) for each in found)
    return shown[0] if len(shown) == GREY else np.stack(shown, axis=-1), windows, ()


def _asked(name: str | Window, looks: Sequence[Look]) -> Look | None:
    """The look of that name, or that window itself where the values are in HU: only such have presets."""
    known = {each.name: each for each in looks}
    if isinstance(name, str):
        return known.get(name)
    return Look(name.name, name) if HU.keys() & known.keys() else None


def _called(name: str | Window) -> str:
    return name if isinstance(name, str) else name.description


def _fit(columns: float, rows: float, contract: Contract) -> tuple[int, int]:
    """Width and height in the square; a very long picture keeps at least one pixel."""
    if contract.resize == "squash":
        return contract.size, contract.size
    if contract.resize != "pad":
        raise ValueError(f'A contract fits by "squash" or "pad", not by {contract.resize!r}.')
    ratio = contract.size / max(columns, rows)
    return max(1, round(columns * ratio)), max(1, round(rows * ratio))
