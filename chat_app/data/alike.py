"""Pictures that look alike: a hash of each, and which hashes are near one another.

The hash is 255 bits: which of the lowest 16 x 16 cosine coefficients of the picture, squashed to 32 x 32,
lie above their median, the constant one left out (Zauner 2010, with four times the bits, as films of one kind
are framed alike). A picture keeps it when it is saved again, scaled, made brighter or darker; not when it is
cut by 5 %, turned, mirrored or inverted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chat_app.data.pictures import grey

if TYPE_CHECKING:
    from chat_app.records import Pixels

SIDE, KEPT = 32, 16
BITS = KEPT * KEPT - 1
NEAR = 24
"""Bits that may differ. On 3.8 million pairs of unlike pictures (docs/data.md) it took no two scenes for one;
with 32 bits, slices of two heads passed."""

LEAST_CONTRAST = 2.0
"""Standard deviation in grey levels below which a picture shows nothing, and its hash would be of noise."""

Hash = NDArray[np.uint64]
Members = tuple[int, ...]


def hashed(pixels: Pixels) -> Hash | None:
    """Four words that hold 255 bits; None for a picture that shows nothing."""
    small = grey(pixels, SIDE)
    if small.std() < LEAST_CONTRAST:
        return None
    low = _cosines()[:KEPT]
    kept = (low @ small @ low.T).ravel()[1:]
    return np.packbits(np.append(kept > np.median(kept), False)).view(np.uint64)


def twins(hashes: Sequence[Hash]) -> Iterator[tuple[Members, Members]]:
    """Every two groups of positions that look alike; a group of equal hashes stands beside itself.

    Hashes that differ in at most NEAR bits agree wholly in one of NEAR + 1 bands, so only those that share a
    band are compared, and equal hashes once.
    """
    if not hashes:
        return
    distinct, place = np.unique(np.stack(hashes), axis=0, return_inverse=True)
    members: list[list[int]] = [[] for _ in distinct]
    for position, number in enumerate(np.ravel(place)):
        members[int(number)].append(position)
    for group in members:
        if len(group) > 1:
            yield tuple(group), tuple(group)
    for first, second in sorted(_near(distinct)):
        yield tuple(members[first]), tuple(members[second])


def _near(words: NDArray[np.uint64]) -> set[tuple[int, int]]:
    """Pairs of rows that differ in at most NEAR bits."""
    bits = np.unpackbits(words.view(np.uint8), axis=1)[:, :BITS]
    found: set[tuple[int, int]] = set()
    for band in np.array_split(bits, NEAR + 1, axis=1):
        keys = band @ (1 << np.arange(band.shape[1]))
        for bucket in _buckets(keys):
            found |= _near_in(bucket, words)
    return found


def _buckets(keys: NDArray[Any]) -> list[NDArray[np.intp]]:
    """The positions of each key that more than one row has."""
    order = np.argsort(keys, kind="stable")
    edges = np.flatnonzero(np.diff(keys[order])) + 1
    return [bucket for bucket in np.split(order, edges) if len(bucket) > 1]


def _near_in(bucket: NDArray[np.intp], words: NDArray[np.uint64]) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    here = words[bucket]
    for number, one in enumerate(here[:-1]):
        others = here[number + 1 :]
        distance = np.bitwise_count(others ^ one).sum(axis=1)
        for other in bucket[number + 1 :][distance <= NEAR]:
            first, second = sorted((int(bucket[number]), int(other)))
            found.add((first, second))
    return found


@cache
def _cosines() -> NDArray[np.float32]:
    """The matrix of the discrete cosine transform (DCT-II), unscaled: only the order of values counts."""
    rows, columns = np.arange(SIDE)[:, None], np.arange(SIDE)[None]
    return np.cos(np.pi * (2 * columns + 1) * rows / (2 * SIDE)).astype(np.float32)
