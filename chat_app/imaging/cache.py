"""What was made last is kept, within a number of bytes; what is being made is waited for, not begun twice.

It knows nothing of pictures. Whoever owns entries has a key of their own; when they are gone, so are the
entries.
"""

from __future__ import annotations

import itertools
import sys
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

from cachetools import LRUCache

T = TypeVar("T")
Key = tuple[Hashable, Hashable]

_owners = itertools.count()


def owner() -> int:
    """A number that no other owner has."""
    return next(_owners)


class Cache(Generic[T]):
    """The last used values, at most `most_bytes` of them as `weigh` counts."""

    def __init__(self, most_bytes: int, weigh: Callable[[T], int]) -> None:
        self._kept: LRUCache[Key, T] = LRUCache(most_bytes, getsizeof=weigh)
        self._under_way: dict[Key, Future[T]] = {}
        self._gone: deque[Hashable] = deque()
        # Under way for an owner who is gone: waited for, and then not kept.
        self._late: set[Key] = set()
        self._lock = Lock()
        self._weigh = weigh

    def get(self, owner: Hashable, number: Hashable, make: Callable[[], T]) -> T:
        """The value, made by `make` when it is not kept; what `make` raises goes to all who wait for it."""
        key = (owner, number)
        with self._lock:
            if key in self._kept:
                return self._kept[key]
            waiting = self._under_way.get(key)
            if waiting is None:
                mine = self._under_way[key] = Future()
        if waiting is not None:
            return waiting.result()
        try:
            mine.set_result(make())
        finally:
            if not mine.done():
                mine.set_exception(sys.exception())
            self._keep(key, mine)
        return mine.result()

    def has(self, owner: Hashable, number: Hashable) -> bool:
        """Whether it is kept or on its way."""
        with self._lock:
            return (owner, number) in self._kept or (owner, number) in self._under_way

    def forget(self, owner: Hashable) -> None:
        """Drops all of an owner's values, now or when the cache is next used.

        The garbage collector calls this, perhaps in the midst of another call, so that it must not wait.
        """
        self._gone.append(owner)
        if self._lock.acquire(blocking=False):
            try:
                self._drop()
            finally:
                self._lock.release()

    def _keep(self, key: Key, made: Future[T]) -> None:
        with self._lock:
            self._drop()
            del self._under_way[key]
            fits = made.exception() is None and self._weigh(made.result()) <= self._kept.maxsize
            if fits and key not in self._late:
                self._kept[key] = made.result()
            self._late.discard(key)

    def _drop(self) -> None:
        while self._gone:
            owner = self._gone.popleft()
            self._late.update(key for key in self._under_way if key[0] == owner)
            for key in [key for key in self._kept if key[0] == owner]:
                del self._kept[key]
