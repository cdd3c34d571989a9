"""Questions that wait for the model: bounded, and fair between the people who ask."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from chat_app.errors import ModelError
from chat_app.models.local.decode import Row

# What waits beyond this would wait for minutes: better to be told at once.
MOST_WAITING = 32
# One person's questions beyond this would fill it for everybody.
MOST_OF_ONE = 8


@dataclass(eq=False)
class Job:
    """One question on its way through the engine.

    most: the longest answer, in tokens. said: pieces of text as they are written, then None, or what went
    wrong. cached: how many tokens of its prompt had been read before.
    """

    row: Row
    owner: str
    adapter: str
    most: int
    said: queue.SimpleQueue[str | Exception | None] = field(default_factory=queue.SimpleQueue)
    cancelled: threading.Event = field(default_factory=threading.Event)
    cached: int = 0


class Queue:
    """Jobs by owner; each owner's first comes before anybody's second. The caller holds the lock."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        self.most = most
        self._waiting: dict[str, deque[Job]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def put(self, job: Job) -> None:
        """Raises ModelError when too many wait already."""
        if job.owner and len(self._waiting.get(job.owner, ())) >= MOST_OF_ONE:
            raise ModelError(f"{MOST_OF_ONE} questions of yours are waiting already: wait for their answers.")
        if len(self) >= self.most:
            raise ModelError("Too many questions are waiting for the model: ask again in a minute.")
        self._waiting.setdefault(job.owner, deque()).append(job)

    def get(self) -> Job:
        """The next job; its owner's others wait until everybody else had a turn."""
        owner, own = next(iter(self._waiting.items()))
        del self._waiting[owner]
        job = own.popleft()
        if own:
            self._waiting[owner] = own
        return job

    def before(self, job: Job) -> int:
        """How many jobs will be taken before this one; 0 for one that is not waiting any more."""
        order = list(self._order())
        return order.index(job) if job in order else 0

    def of(self, owner: str) -> tuple[Job, ...]:
        """All that this owner waits for."""
        return tuple(self._waiting.get(owner, ()))

    def drop(self) -> None:
        """Takes the cancelled ones out; whoever still listens to one hears that nothing comes."""
        for owner, own in list(self._waiting.items()):
            kept = deque[Job]()
            for job in own:
                if job.cancelled.is_set():
                    job.said.put(None)
                else:
                    kept.append(job)
            if kept:
                self._waiting[owner] = kept
            else:
                del self._waiting[owner]

    def _order(self) -> Iterator[Job]:
        rounds = max(map(len, self._waiting.values()), default=0)
        for turn in range(rounds):
            yield from (own[turn] for own in self._waiting.values() if turn < len(own))
