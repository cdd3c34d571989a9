"""An asynchronous stream read in a thread of its own, so that whoever reads it can look up, and leave.

A blocking read of a socket cannot be left from outside; a task can, wherever it is: while it connects, while
it waits to try again, before the first byte and in the middle of an answer.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from concurrent.futures import Future
from contextlib import aclosing, suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
Work = Coroutine[Any, Any, None]

# How long closing waits for the stream to end.
GRACE = 1.0

END = object()


class Loop:
    """An event loop in a thread of its own; both end when nobody holds this any more, after `last` is done.

    One for all streams, so that a connection outlives the answer it was made for.
    """

    def __init__(self, last: Callable[[], Work]) -> None:
        self._loop = asyncio.new_event_loop()
        # asyncio would log a fault that nobody waited for, with its text.
        self._loop.set_exception_handler(lambda *_: None)
        threading.Thread(target=_run, args=(self._loop, last), name="model-server", daemon=True).start()
        weakref.finalize(self, self._loop.call_soon_threadsafe, self._loop.stop)

    def begin(self, work: Work) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)


def follow(
    loop: Loop, opened: Callable[[], AsyncGenerator[T, None]], every: float
) -> Generator[T | None, None, None]:
    """What the stream gives, and None whenever nothing came for `every` seconds.

    Closing this generator ends the stream. Faults of the stream are raised here.
    """
    pieces: SimpleQueue[Any] = SimpleQueue()
    task = loop.begin(_pass_on(opened, pieces))
    try:
        while True:
            try:
                piece = pieces.get(timeout=every)
            except Empty:
                yield None
                continue
            if piece is END:
                break
            yield piece
        task.result()
    finally:
        if task.cancel():
            _wait(pieces)


async def _pass_on(opened: Callable[[], AsyncGenerator[T, None]], pieces: SimpleQueue[Any]) -> None:
    try:
        async with aclosing(opened()) as stream:
            async for piece in stream:
                pieces.put(piece)
    finally:
        pieces.put(END)


def _wait(pieces: SimpleQueue[Any]) -> None:
    """Until the stream has ended."""
    with suppress(Empty):
        while pieces.get(timeout=GRACE) is not END:
            pass


def _run(loop: asyncio.AbstractEventLoop, last: Callable[[], Work]) -> None:
    try:
        loop.run_forever()
        loop.run_until_complete(last())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()
