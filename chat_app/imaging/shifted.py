"""Values that lie above the lowest bits of their words (High Bit, PS3.5 8.1.1), which pydicom passes over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset
from pydicom.uid import RLELossless

from chat_app.imaging.elements import EMBEDDED


@dataclass(frozen=True)
class Bits:
    """So many bits of a word, the lowest of them at `low`. is_shared: bits beside them carry a drawing."""

    low: int
    count: int
    is_signed: bool
    is_shared: bool
    allocated: int

    @property
    def whole(self) -> dict[str, Any]:
        """What pydicom's decoders are told, so that they leave the words as they are."""
        return {"bits_stored": self.allocated, "pixel_representation": 0}

    def values(self, words: NDArray[Any]) -> NDArray[Any]:
        """Of unsigned words; of a header that is wrong, as bits lie below, the lowest bits all the same."""
        is_wrong = not self.is_shared and bool((words & (1 << self.low) - 1).any())
        size = words.dtype.itemsize * 8
        low = 0 if is_wrong else self.low
        kind = np.dtype(f"{'i' if self.is_signed else 'u'}{words.dtype.itemsize}")
        lifted = (words << (size - low - self.count)).astype(words.dtype).view(kind)
        return np.asarray(lifted >> (size - self.count))


def bits(dataset: FileDataset) -> Bits | None:
    """Where the values lie, None where it is the lowest bits, or a codec has put them there."""
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_encapsulated and syntax != RLELossless:
        return None
    if "PixelData" not in dataset or dataset.get("HighBit") is None:
        return None
    count, high = int(dataset.BitsStored), int(dataset.HighBit)
    low = high + 1 - count
    allocated = int(dataset.BitsAllocated)
    if count < 1 or low < 1 or high >= allocated or allocated not in (8, 16):
        return None
    is_shared = any(tag in dataset for tag in EMBEDDED)
    return Bits(low, count, dataset.PixelRepresentation == 1, is_shared, allocated)
