"""What a model has read before: the keys and values of each conversation, kept between its turns.

A follow-up question then costs only its new tokens. Nothing is shared between owners, or between adapters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Keys = NDArray[np.int64]

# Keys and values, (rows, heads, tokens, size) each, a pair a layer of the model.
Layers = Sequence[tuple[torch.Tensor, torch.Tensor]]

# After how long without a question a conversation's keys and values are given up.
IDLE_SECONDS = 30 * 60.0


@dataclass(eq=False)
class Prefix:
    """One conversation as far as it was read: `keys` tell its tokens and pictures (see Prompt.keys)."""

    owner: str
    adapter: str
    keys: Keys
    layers: Layers
    used: float
    nbytes: int = field(init=False)

    def __post_init__(self) -> None:
        self.nbytes = sum(keys.nbytes + values.nbytes for keys, values in self.layers)


class Prefixes:
    """The conversations read last, at most `most_bytes` of keys and values.

    Its tensors are never written to: transformers' DynamicLayer makes new ones as a conversation grows. So
    any number of branches (Retry, Edit, a second conversation) may begin with a view of the same tensors;
    once it has grown, each has tensors of its own.
    """

    def __init__(self, most_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.most_bytes = most_bytes
        self._clock = clock
        self._kept: list[Prefix] = []

    @property
    def nbytes(self) -> int:
        return sum(prefix.nbytes for prefix in self._kept)

    def find(self, owner: str, adapter: str, keys: Keys) -> Layers:
        """The longest beginning of `keys` that this owner's conversations with this adapter hold.

        It is shorter than `keys` by one at least: something has to be read to answer.
        """
        own = [prefix for prefix in self._kept if (prefix.owner, prefix.adapter) == (owner, adapter)]
        best = max(own, key=lambda prefix: common(prefix.keys, keys), default=None)
        length = min(common(best.keys, keys), len(keys) - 1) if best else 0
        if best is None or length <= 0:
            return ()
        best.used = self._clock()
        return [(keys[:, :, :length], values[:, :, :length]) for keys, values in best.layers]

    def keep(self, owner: str, adapter: str, keys: Keys, layers: Layers) -> None:
        """Keeps what was read in the place of the beginnings it goes on from, unless all of it is there.

        Without an owner nothing is kept: it could not be told whose it is.
        """
        fresh = Prefix(owner, adapter, keys, layers, self._clock())
        if not owner or not layers or fresh.nbytes > self.most_bytes:
            return
        for prefix in self._kept:
            if _goes_on(prefix, fresh):
                prefix.used = fresh.used
                return
        self._kept = [prefix for prefix in self._kept if not _goes_on(fresh, prefix)]
        self._kept.append(fresh)
        self.tidy()

    def forget(self, owner: str) -> None:
        self._kept = [prefix for prefix in self._kept if prefix.owner != owner]

    def clear(self) -> None:
        self._kept = []

    def tidy(self) -> None:
        """Gives up what was not used for long, and then the least used until the rest fits."""
        oldest = self._clock() - IDLE_SECONDS
        self._kept = sorted((p for p in self._kept if p.used >= oldest), key=lambda prefix: prefix.used)
        while self.nbytes > self.most_bytes:
            del self._kept[0]


def common(first: Keys, second: Keys) -> int:
    """How many leading keys are the same."""
    shorter = min(len(first), len(second))
    differ = np.flatnonzero(first[:shorter] != second[:shorter])
    return int(differ[0]) if len(differ) else shorter


def _goes_on(fresh: Prefix, prefix: Prefix) -> bool:
    """Whether `fresh` holds all that `prefix` does."""
    same = (fresh.owner, fresh.adapter) == (prefix.owner, prefix.adapter)
    return same and common(fresh.keys, prefix.keys) == len(prefix.keys)


def cache_of(layers: Layers) -> DynamicCache:
    """The layers as transformers takes them; the tensors are not copied.

    Every layer keeps all of its tokens, also in models with a sliding window: what lies outside of it is
    masked, and so a conversation can be taken up from any place.
    """
    cache = DynamicCache()
    for keys, values in layers:
        layer = DynamicLayer()
        layer.lazy_initialization(keys, values)
        layer.keys, layer.values = keys, values
        cache.layers.append(layer)
    return cache


def layers_of(cache: DynamicCache) -> Layers:
    held = (layer for layer in cache.layers if isinstance(layer, DynamicLayer))
    pairs = ((layer.keys, layer.values) for layer in held)
    return [(keys, values) for keys, values in pairs if keys is not None and values is not None]
