"""An asynchronous stream read in a thread of its own, so that whoever reads it can look up, and leave.

A blocking read of a socket cannot be left from outside; a task can, wherever it is: while it connects, while
it waits to try again, before the first byte and in the middle of an answer.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

# How long closing waits for the thread; only a name that is just being looked up takes longer.
GRACE = 1.0


def follow(opened: Callable[[], AsyncGenerator[T, None]], every: float) -> Generator[T | None, None, None]:
    """What the stream gives, and None whenever nothing came for `every` seconds.

    Closing this generator ends the stream. Faults of the stream are raised here.
    """
    pieces: SimpleQueue[Any] = SimpleQueue()
    loop = asyncio.new_event_loop()
    task = loop.create_task(_pass_on(opened, pieces))
    # The task itself is the last thing in the queue.
    task.add_done_callback(pieces.put)
    thread = threading.Thread(target=_run, args=(loop, task), name="model-server", daemon=True)
    thread.start()
    try:
        while True:
            try:
                piece = pieces.get(timeout=every)
            except Empty:
                yield None
                continue
            if piece is task:
                break
            yield piece
        task.result()
    finally:
        # The loop may have ended by itself meanwhile.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(task.cancel)
        thread.join(GRACE)


async def _pass_on(opened: Callable[[], AsyncGenerator[T, None]], pieces: SimpleQueue[Any]) -> None:
    async with aclosing(opened()) as stream:
        async for piece in stream:
            pieces.put(piece)


def _run(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    try:
        loop.run_until_complete(asyncio.wait([task]))
        # Looked at, so that asyncio does not log a fault that nobody waited for, with its text.
        if not task.cancelled():
            task.exception()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()
