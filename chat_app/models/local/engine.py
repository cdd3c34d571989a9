"""The one thread that owns a model's weights: it reads, writes and switches adapters for everybody.

Questions come in from any thread and wait their turn; a few are answered side by side.
"""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from transformers.modeling_outputs import BaseModelOutputWithPooling

from chat_app.errors import ModelError, SetupError
from chat_app.imaging.cache import Cache
from chat_app.models.local.adapters import Adapters
from chat_app.models.local.cache import IDLE_SECONDS, Prefixes
from chat_app.models.local.decode import CHUNK, Batch, read
from chat_app.models.local.prompt import MEGABYTE, Picture, Reader
from chat_app.models.local.queue import Job, Queue
from chat_app.models.local.words import Words

LOG = logging.getLogger(__name__)

T = TypeVar("T")

FEATURE_BYTES = 256 * MEGABYTE

# How many answers are written side by side.
SLOTS = 4

OUT_OF_MEMORY = "The model ran out of memory: ask about fewer pictures, or start a new conversation."
FAILED = "The model failed on this question: ask it again, or in other words."

CLOSED = "The model has been stopped: start Lightbox again."

# What may go wrong with one question, and must not end the others'.
FAULTS = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RuntimeError, TypeError),
    *(SetupError, ValueError),
)

# What of the tower's output the language model is given; the rest is large and not needed again.
READ_ON = ("pooler_output", "deepstack_features")


class Engine:
    """A model with its processor, its adapters, and what it has read before.

    slots: how many answers are written side by side. chunk: how many tokens are read at a time.
    """

    def __init__(
        self,
        model: Any,
        processor: Any,
        adapters: Adapters | None = None,
        *,
        cache_bytes: int = 1024 * MEGABYTE,
        slots: int = SLOTS,
        chunk: int = CHUNK,
    ) -> None:
        self.model, self.reader = model, Reader(processor, model)
        self.adapters = adapters or Adapters(model)
        self.prefixes = Prefixes(cache_bytes)
        self.slots, self.chunk = slots, chunk
        self.reading: list[Job] = []
        self.writing: list[Job] = []
        self._batches: dict[str, Batch] = {}
        self._words: dict[Job, Words] = {}
        self._features = _shelf()
        self._ends = _ends(model)
        self._penalty = model.generation_config.repetition_penalty or 1.0
        self._queue = Queue()
        self._lock = threading.Lock()
        self._going = self._closed = False
        self._idle: threading.Timer | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")

    # From any thread

    @property
    def busy(self) -> int:
        """How many answers are under way."""
        return len(self.reading) + len(self.writing)

    def submit(self, job: Job) -> None:
        """Takes a question in; `job.said` is filled from now on.

        Raises:
            ModelError: too many wait, or the engine was closed.
        """
        with self._lock:
            if self._closed:
                raise ModelError(CLOSED)
            self._queue.put(job)
            if not self._going:
                self._go()

    def before(self, job: Job) -> int:
        """How many questions come before this one; 0 once its turn has come."""
        with self._lock:
            return self._queue.before(job)

    def call(self, function: Callable[[], T], adapter: str = "") -> T:
        """What the function gives, run between two steps, with that adapter; by default with none.

        Raises:
            SetupError: it cannot be used with this model.
        """
        return self._thread.submit(self._with, adapter, function).result()

    def features(self, picture: Picture) -> NDArray[np.float32]:
        """(d,) the mean of the tokens that the language model is given of a picture, with no adapter.

        Raises:
            ModelError: the tower could not look, or ran out of memory.
        """
        try:
            return self.call(lambda: self._mean(picture))
        except FAULTS as fault:
            told = _told(fault)
        raise told

    def forget(self, owner: str) -> None:
        """Ends this owner's answers and drops all that was kept of them; nothing waits for it.

        What the owner asks from now on is answered.
        """
        with self._lock:
            asked = [*self._queue.of(owner), *(job for job in list(self._words) if job.owner == owner)]
        for job in asked:
            job.cancelled.set()
        self._thread.submit(self._forget, owner, asked)

    def is_end(self, tokens: list[int]) -> bool:
        """Whether the last of these tokens is one that ends an answer."""
        return bool(tokens) and tokens[-1] in self._ends

    def close(self) -> None:
        """Ends the thread after its step; questions under way get a ModelError."""
        with self._lock:
            self._closed = True
            if self._idle:
                self._idle.cancel()
        self._thread.shutdown()

    # On the model's own thread

    def _with(self, adapter: str, function: Callable[[], T]) -> T:
        self.adapters.use(adapter)
        return function()

    def _forget(self, owner: str, asked: Sequence[Job]) -> None:
        for job in asked:
            # What is still read for it is nobody's, and is not kept.
            job.owner = ""
        self.prefixes.forget(owner)
        self._features.forget(owner)
        self.reader.forget(owner)

    def _go(self) -> None:
        """Has the thread take one more turn.

        The lock is held, so that the turn cannot end before `_next` is set to follow it.
        """
        if self._idle:
            self._idle.cancel()
        self._going = True
        self._thread.submit(self._turn).add_done_callback(self._next)

    def _next(self, turn: Future[None]) -> None:
        """After a turn: another, while there is work. A fault that nobody foresaw ends what was under way."""
        with self._lock:
            if fault := turn.exception():
                self._fail(fault)
            if not (self._queue or self.busy):
                self._rest()
                return
            try:
                self._go()
            except RuntimeError:
                # The interpreter ends: nobody is left waiting.
                self._closed = True
            if self._closed:
                self._fail(ModelError(CLOSED))
                while self._queue:
                    self._queue.get().said.put(ModelError(CLOSED))

    def _rest(self) -> None:
        """Nobody asks anything: after a while all that was kept for follow-ups is given up."""
        self._going = False
        if self._closed:
            return
        self._idle = threading.Timer(IDLE_SECONDS, self._thread.submit, [self._give_up])
        self._idle.daemon = True
        self._idle.start()

    def _give_up(self) -> None:
        self.prefixes.clear()
        self.reader.clear()
        self._features = _shelf()

    def _turn(self) -> None:
        """Reads a piece for one question, writes a token for every other."""
        with self._lock:
            self._queue.drop()
            while self._queue and self.busy < self.slots:
                self._begin(self._queue.get())
        for job in [job for job in (*self.reading, *self.writing) if job.cancelled.is_set()]:
            self._end(job, None)
        if self.reading:
            self._read(self.reading[0])
        for adapter in list(self._batches):
            self._write(adapter)

    def _begin(self, job: Job) -> None:
        self.prefixes.tidy()
        job.row.layers = self.prefixes.find(job.owner, job.adapter, job.row.prompt.keys)
        job.row.penalty, job.cached = self._penalty, job.row.length
        self._words[job] = Words(self.reader.tokenizer)
        self.reading.append(job)

    def _read(self, job: Job) -> None:
        row, seer = job.row, self._seer(job)
        try:
            self.adapters.use(job.adapter)
            self._twice(lambda piece: read(self.model, row, seer, piece))
            if is_read := row.read:
                batch = self._batches.setdefault(job.adapter, Batch())
                self._twice(lambda _: batch.join(row))
        except FAULTS as fault:
            self._end(job, fault)
            return
        if is_read:
            self.reading.remove(job)
            self.writing.append(job)
            self._say(job)

    def _write(self, adapter: str) -> None:
        batch = self._batches[adapter]
        jobs = [job for job in self.writing if job.row in batch.rows]
        try:
            self.adapters.use(adapter)
            self._twice(lambda _: batch.step(self.model))
        except torch.OutOfMemoryError as fault:
            # The others go on with the room that the last one took.
            self._end(jobs.pop(), fault)
        except FAULTS as fault:
            for job in jobs:
                self._end(job, fault)
        else:
            for job in jobs:
                self._say(job)

    def _twice(self, action: Callable[[int], None]) -> None:
        """Runs it; out of memory, once more and smaller, with what can be computed again given up.

        The action is told how many tokens to read at a time.
        """
        try:
            action(self.chunk)
            return
        except torch.OutOfMemoryError:
            pass
        # Not within the handler, where the fault still holds what the failed try had computed.
        self._give_up()
        gc.collect()
        torch.cuda.empty_cache()
        action(max(1, self.chunk // 4))

    def _say(self, job: Job) -> None:
        """Hands over the token just written as text, and ends the job when it was the last."""
        written, words = job.row.written, self._words[job]
        last = self.is_end(written) or len(written) >= job.most
        if text := words.add(written[-1]) + (words.rest() if last else ""):
            job.said.put(text)
        if last:
            self._end(job, None)

    def _end(self, job: Job, fault: Exception | None) -> None:
        """Takes the job out. What was read for it is kept, unless it went wrong."""
        if job in self.writing:
            batch = self._batches[job.adapter]
            self._twice(lambda _: batch.leave(job.row))
            self.writing.remove(job)
        else:
            self.reading.remove(job)
        if job.adapter in self._batches and not self._batches[job.adapter].rows:
            del self._batches[job.adapter]
        del self._words[job]
        if fault is None and job.row.length > job.cached:
            self.prefixes.keep(job.owner, job.adapter, job.row.keys, job.row.layers)
        job.said.put(_told(fault) if fault else None)

    def _fail(self, fault: BaseException) -> None:
        """Ends all that is under way; who waits goes on waiting."""
        jobs = [*self.reading, *self.writing]
        self.reading, self.writing, self._batches, self._words = [], [], {}, {}
        for job in jobs:
            job.said.put(_told(fault))

    def _seer(self, job: Job) -> Callable[[Picture], Any]:
        """What gives the features of a picture, of those its owner showed lately without looking again."""

        def features(picture: Picture) -> Any:
            if not job.owner:
                return self._look(picture)
            return self._features.get(job.owner, (picture.key, job.adapter), lambda: self._look(picture))

        return features

    @torch.inference_mode()
    def _mean(self, picture: Picture) -> NDArray[np.float32]:
        seen = self._look(picture).pooler_output
        tokens = seen[0] if isinstance(seen, list | tuple) else seen  # of some towers a tensor a picture
        mean: NDArray[np.float32] = tokens.float().flatten(0, -2).mean(0).cpu().numpy()
        return mean

    def _look(self, picture: Picture) -> Any:
        tensors = {name: tensor.to(self.model.device) for name, tensor in picture.tensors.items()}
        seen = self.model.get_image_features(**tensors)
        # Asked for by name: transformers sets the first beside the fields where a tower's output has none.
        kept = {name: value for name in READ_ON if (value := getattr(seen, name, None)) is not None}
        return (type(seen) if len(kept) > 1 else BaseModelOutputWithPooling)(**kept)


def _shelf() -> Cache[Any]:
    return Cache(FEATURE_BYTES, lambda seen: sum(map(_nbytes, seen.values())))


def _nbytes(value: Any) -> int:
    if isinstance(value, torch.Tensor):
        return value.nbytes
    return sum(map(_nbytes, value)) if isinstance(value, list | tuple) else 0


def _ends(model: Any) -> set[int]:
    """The tokens that end an answer."""
    stated = model.generation_config.eos_token_id
    if stated is None:
        return set()
    return set(stated) if isinstance(stated, list) else {stated}


def _told(fault: BaseException) -> Exception:
    """The fault as the person who asked is told."""
    if isinstance(fault, ModelError | SetupError):
        return fault
    # Its kind only: the text of a fault may hold what somebody asked.
    LOG.error("A question failed: %s", type(fault).__name__)
    error = ModelError(OUT_OF_MEMORY if isinstance(fault, torch.OutOfMemoryError) else FAILED)
    # Without its traceback, which would hold all that was being computed.
    error.__cause__ = fault.with_traceback(None)
    return error
