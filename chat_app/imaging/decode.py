"""Hands compressed pictures to a few processes that may be killed, and takes their pixels back.

Nothing that names a patient goes over: only how the pixels are stored, and the compressed bytes. Decoders end
their process on damaged data (gdcm), panic past every `except` (the RLE decoder of pylibjpeg) or never stop.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from chat_app.errors import SetupError, TooLarge, UnreadableFile
from chat_app.imaging.limits import Limits
from chat_app.imaging.worker import SIZES

PROGRAM = Path(__file__).with_name("worker.py")
MOST_WORKERS = 4
MOST_DESCRIPTION = 2**16
PIPE_BYTES = 2**20  # the most that Linux gives everyone
GRACE = 2.0  # seconds that a worker has to end by itself once its input is closed
# What becomes of an exchange with a process that is gone, or that answers what no worker does.
UNBELIEVABLE = (OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, RecursionError)


class Undecodable(RuntimeError):
    """The decoder refused the bytes, or its process ended over them."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """What came back: a description and, where there are pixels, their values."""

    description: dict[str, Any]
    values: NDArray[Any]


class Worker:
    """One process that decodes; it serves one thread at a time."""

    def __init__(self) -> None:
        # -P: without it this folder would stand on the path, its names before those of installed packages.
        command = [sys.executable, "-P", str(PROGRAM)]
        pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere)
        _widen(*self._pipes())
        self.number = 0  # of the order under way; an answer to any other is not believed

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def ask(self, order: dict[str, Any], data: bytes, seconds: float) -> Decoded:
        """Raises: TimeoutError or Undecodable; whatever is raised, the worker must be closed then."""
        is_late = threading.Event()

        def end() -> None:
            is_late.set()
            self.process.kill()

        alarm = threading.Timer(seconds, end)
        alarm.daemon = True
        alarm.start()
        try:
            return self._exchange(order, data)
        except UNBELIEVABLE as error:
            if is_late.is_set():
                raise TimeoutError("the decoder was stopped") from error
            raise Undecodable("the decoder ended over the picture") from error
        finally:
            alarm.cancel()
            alarm.join()

    def close(self, grace: float = 0) -> None:
        """Ends the process and waits for it, so that none is left behind."""
        stdin, stdout = self._pipes()
        with suppress(OSError):  # what was not sent yet cannot be sent to a process that is gone
            stdin.close()
        try:
            self.process.wait(grace)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        stdout.close()

    def _exchange(self, order: dict[str, Any], data: bytes) -> Decoded:
        stdin, stdout = self._pipes()
        self.number += 1
        described = json.dumps(order | {"number": self.number}).encode()
        stdin.write(SIZES.pack(len(described), len(data)) + described)
        stdin.write(data)
        stdin.flush()
        length, size = SIZES.unpack(_read(stdout, SIZES.size))
        if length > MOST_DESCRIPTION or size > order["memory"]:
            raise ValueError("an answer of no possible size")
        description = json.loads(_read(stdout, length))
        if description["number"] != self.number:
            raise ValueError("an answer to another order")
        values = np.frombuffer(_read(stdout, size), description.get("dtype", "u1"))
        return Decoded(description, values.reshape(description.get("shape", (0,))))

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self.process.stdin is not None and self.process.stdout is not None
        return self.process.stdin, self.process.stdout


class Pool:
    """At most so many workers, each started when there is first need of it; several threads may ask."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.forget()

    def forget(self) -> None:
        """Starts anew without the workers: after a fork they are the parent's."""
        self._room = threading.BoundedSemaphore(self.most)
        self._idle: deque[Worker] = deque()

    def ask(self, order: dict[str, Any], data: bytes, limits: Limits) -> Decoded:
        """Raises: TimeoutError or Undecodable."""
        with self._room, self._lent() as worker:
            return worker.ask(order, data, limits.seconds)

    def close(self) -> None:
        """Ends the workers that have nothing to do; the next order starts a new one."""
        with suppress(IndexError):
            while True:
                self._idle.pop().close(GRACE)

    @contextmanager
    def _lent(self) -> Iterator[Worker]:
        """A worker, which comes back only when all went well: one cut short may still owe an answer."""
        worker, is_sound = self._take(), False
        try:
            yield worker
            is_sound = worker.is_alive
        finally:
            if is_sound:
                self._idle.append(worker)
            else:
                worker.close()

    def _take(self) -> Worker:
        """The worker that was last used, which is warm, or a new one."""
        with suppress(IndexError):
            while True:
                worker = self._idle.pop()
                if worker.is_alive:
                    return worker
                worker.close()
        return Worker()


POOL = Pool(min(MOST_WORKERS, os.cpu_count() or 1))
atexit.register(POOL.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=POOL.forget)


def decode(task: str, data: bytes, limits: Limits, **order: Any) -> Decoded:
    """What a worker makes of the bytes; `task` and `order` are a function of the worker and its arguments.

    Raises:
        TooLarge: it needs more memory than the limit allows.
        UnreadableFile: it takes longer than the limit allows.
        SetupError: the system starts no more processes.
        Undecodable: the decoder refused the bytes, or its process ended over them.
    """
    order |= {"task": task, "memory": limits.memory_bytes}
    try:
        decoded = POOL.ask(order, data, limits)
    except TimeoutError as error:
        raise UnreadableFile(
            f"This picture was not decoded within {limits.seconds:g} seconds: export it uncompressed."
        ) from error
    except MemoryError as error:
        raise TooLarge("This picture needs more memory than there is: export it smaller.") from error
    except OSError as error:
        raise SetupError("No process can be started to decode pictures: close other programs.") from error
    fault = decoded.description.get("fault")
    if fault == "memory":
        raise TooLarge("This picture needs more memory than is allowed: export it smaller.")
    if fault:
        raise Undecodable("the decoder refused the picture")
    return decoded


def _widen(*pipes: IO[bytes]) -> None:
    """Makes room for a whole frame at once where the system lets it; it is right without, and slower."""
    if sys.platform == "linux":
        import fcntl

        for pipe in pipes:
            with suppress(OSError):
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _read(stream: IO[bytes], size: int) -> bytearray:
    """Exactly so many bytes, writable, because a picture is made of them."""
    data = bytearray(size)
    view, count = memoryview(data), 0
    while count < size:
        part = stream.readinto(view[count:])  # type: ignore[attr-defined]
        if not part:
            raise EOFError("the worker ended before its answer did")
        count += part
    return data
