"""The pictures of a set, opened as everywhere in Lightbox, and what is kept of each for looking at many."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from chat_app import imaging
from chat_app.imaging import Limits
from chat_app.records import Image

if TYPE_CHECKING:
    from chat_app.records import Pixels

LIMITS = Limits()
NAME = "picture"


def opened(path: Path) -> Image:
    """The picture as a workstation would show it; of several frames the first, as all belong to one record.

    Raises:
        InputError: it is missing, damaged, too large, or of a kind that is not opened.
    """
    return imaging.read(path, name=NAME, frame=1, limits=LIMITS)


def size(path: Path) -> tuple[int, int]:
    """Columns and rows; raises InputError as `opened` does."""
    image = opened(path)
    return image.columns, image.rows


def grey(pixels: Pixels, side: int) -> NDArray[np.float32]:
    """Squashed to (side, side), from 0 to 255, each pixel the mean of what it covers."""
    picture = Pillow.fromarray(np.asarray(pixels)).convert("L")
    small: NDArray[Any] = np.asarray(picture.resize((side, side), Pillow.Resampling.BOX), np.float32)
    return small
