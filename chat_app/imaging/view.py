"""What the model is shown of a picture: an Image fitted to the square a model's contract asks for."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image as PILImage

from chat_app.records import Contract, Image, View


def look(image: Image, contract: Contract) -> View:
    """The picture as the model sees it: three channels, `contract.size` pixels a side, bicubic.

    "squash" fills the square and bends the proportions; "pad" keeps them, centred on black.

    Raises:
        ValueError: the contract asks for another way of fitting.
    """
    width, height = _fit(image.columns, image.rows, contract)
    left, top = (contract.size - width) // 2, (contract.size - height) // 2
    picture = PILImage.fromarray(image.pixels).convert("RGB")
    square = np.zeros((contract.size, contract.size, 3), np.uint8)
    square[top : top + height, left : left + width] = np.asarray(
        picture.resize((width, height), PILImage.Resampling.BICUBIC)
    )
    return View(
        image=image.name,
        pixels=square,
        left=left,
        top=top,
        width=width,
        height=height,
        columns=image.columns,
        rows=image.rows,
        window=image.window,
        frame=image.frame,
    )


def png(view: View) -> bytes:
    """The view as a PNG file, lossless: what is sent is what was stored."""
    stream = io.BytesIO()
    PILImage.fromarray(view.pixels).save(stream, format="PNG")
    return stream.getvalue()


def _fit(columns: int, rows: int, contract: Contract) -> tuple[int, int]:
    """Width and height in the square; a very long picture keeps at least one pixel."""
    if contract.resize == "squash":
        return contract.size, contract.size
    if contract.resize != "pad":
        raise ValueError(f'A contract fits by "squash" or "pad", not by {contract.resize!r}.')
    ratio = contract.size / max(columns, rows)
    return max(1, round(columns * ratio)), max(1, round(rows * ratio))
