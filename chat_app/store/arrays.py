"""Arrays as bytes and back, without loss: a line that says what they are, then their bytes, packed."""

from __future__ import annotations

import json
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

KINDS = frozenset(("|b1", "|u1", "<i2", "<u2", "<i4", "<u4", "<f4", "<f8"))
LEVEL = 3  # higher ones take several times as long for a few hundredths


def packed(values: NDArray[Any]) -> bytes:
    """The same array always as the same bytes.

    Raises:
        ValueError: its values are of no kind that pictures have.
    """
    kind = values.dtype.newbyteorder("<").str
    if kind not in KINDS:
        raise ValueError(f"An array of {values.dtype} is not kept.")
    head = json.dumps([kind, *values.shape]).encode()
    # High bytes together and low bytes together: of 12 bits in 16 the high ones hardly change.
    planes = np.ascontiguousarray(values, kind).reshape(-1, 1).view(np.uint8).T
    return head + b"\n" + zlib.compress(planes.tobytes(), LEVEL)


def unpacked(data: bytes) -> NDArray[Any]:
    """The array that `packed` was given, read-only. Raises ValueError or zlib.error for other bytes."""
    head, _, rest = data.partition(b"\n")
    kind, *shape = json.loads(head)
    if kind not in KINDS:
        raise ValueError("These bytes are no array.")
    planes = np.frombuffer(zlib.decompress(rest), np.uint8).reshape(np.dtype(kind).itemsize, -1)
    values: NDArray[Any] = np.ascontiguousarray(planes.T).view(kind).reshape(shape)
    values.flags.writeable = False
    return values
