"""The vectors of a library's cases, as one tower sees them: made once from the thumbnails, then kept.

Query and case go the same way, so what a tower sees of either is a thumbnail. Vectors of another tower, or
made by other rules, stand under another name and are never mixed in.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Pillow

from chat_app.records import Image, Tower
from chat_app.retrieval.cases.library import Library

if TYPE_CHECKING:
    from chat_app.records import Vectors

RULES = 1  # raised whenever a picture is shown to a tower in another way
SIDE = 256  # pixels of a thumbnail's longer side
BATCH, KEPT_EVERY = 16, 512


def small(image: Image) -> Image:
    """The picture as it is kept and shown to a tower: pixels made square, the longer side at most 256."""
    height = image.rows * image.plane.aspect
    scale = min(1.0, SIDE / max(image.columns, height))
    size = max(1, round(image.columns * scale)), max(1, round(height * scale))
    picture = Pillow.fromarray(image.pixels).resize(size, Pillow.Resampling.BICUBIC)
    return _bare(picture)


def png(image: Image) -> bytes:
    """Its pixels as a PNG file, with nothing else in it."""
    stream = io.BytesIO()
    Pillow.fromarray(image.pixels).save(stream, format="PNG")
    return stream.getvalue()


def of(
    library: Library, keys: Sequence[str], tower: Tower, say: Callable[[int], object] | None = None
) -> Vectors:
    """(n, d) float32 of length one, of these cases; the tower looks at those it has not seen.

    say: is told how many it has just looked at.

    Raises:
        ModelError: the tower could not look.
        InputError: a case was deleted meanwhile.
    """
    name = _named(tower)
    rows = library.vectors(name)
    missing = [key for key in keys if key not in rows]
    for start in range(0, len(missing), BATCH):
        batch = missing[start : start + BATCH]
        pictures = [_opened(library.thumbnail(key)) for key in batch]
        rows |= dict(zip(batch, unit(tower.look(pictures)), strict=True))
        end = start + BATCH
        if end >= len(missing) or end % KEPT_EVERY == 0:
            library.keep_vectors(name, rows)
        if say:
            say(len(batch))
    return np.stack([rows[key] for key in keys])


def unit(vectors: Vectors) -> Vectors:
    """Each of length one, so that a product of two is their cosine."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = (vectors / np.maximum(lengths, np.finfo(np.float32).tiny)).astype(np.float32)
    return scaled


def _named(tower: Tower) -> str:
    return hashlib.sha256(f"{tower.identity} {RULES}".encode()).hexdigest()[:32]


def _opened(thumbnail: bytes) -> Image:
    return _bare(Pillow.open(io.BytesIO(thumbnail)))


def _bare(picture: Pillow.Image) -> Image:
    return Image(name="case", pixels=np.asarray(picture), sha256="", format="PNG")
