"""Local weights as a LangChain chat model: streaming, stopping for good, token probabilities."""

from __future__ import annotations

import hashlib
import queue
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jinja2 import TemplateError
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from PIL import Image as Pillow
from pydantic import ConfigDict

from chat_app.errors import ModelError
from chat_app.models.local.decode import Row
from chat_app.models.local.engine import FAILED, Engine
from chat_app.models.local.prompt import Picture
from chat_app.models.local.queue import Job

if TYPE_CHECKING:
    from chat_app.records import Vectors, View

# How often somebody who waits is told so, and can stop waiting.
BEAT_SECONDS = 0.1


class LocalModel(BaseChatModel):
    """A LLaVA-style model behind its engine.

    `owner` and `adapter` may be given with every call: what was read is shared between calls of one owner
    only; "" shares nothing. Whenever nothing was written for a tenth of a second an empty chunk comes whose
    `waiting` holds how many questions come first. The last chunk carries `logprobs` (natural, one a generated
    token), `prompt_tokens`, of these `cached_tokens` that had been read before, and `truncated` where the
    answer was cut at its longest.
    """

    engine: Engine
    floor: ClassVar[float] = 0.0  # of `features`, not measured
    seed: int = 0
    temperature: float = 0.0
    max_new_tokens: int = 256

    model_config = ConfigDict(arbitrary_types_allowed=True)

    @property
    def _llm_type(self) -> str:
        return "lightbox-local"

    def get_num_tokens(self, text: str) -> int:
        return len(self.engine.reader.tokenizer(text, add_special_tokens=False).input_ids)

    def adapters(self) -> tuple[str, ...]:
        """The names of the adapters that can be switched on."""
        return self.engine.adapters.names

    def forget(self, owner: str) -> None:
        """Drops all that is kept of this owner's conversations."""
        self.engine.forget(owner)

    def features(self, views: Sequence[View]) -> Vectors:
        """(n, d) float32: of each picture, the mean of what the language model is given of it.

        Only its vision tower and projector look, without an adapter; nothing is kept.

        Raises:
            ModelError: it could not look, or ran out of memory.
        """
        return np.stack([self.engine.features(self._prepared(view)) for view in views])

    def _prepared(self, view: View) -> Picture:
        digest = hashlib.sha256(view.pixels.tobytes()).digest()
        return self.engine.reader.prepare(Pillow.fromarray(view.pixels), digest)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, run_manager, **kwargs))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        *,
        owner: str = "",
        adapter: str = "",
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        try:
            prompt = self.engine.reader.read(messages, owner)
        except (TemplateError, ValueError, LookupError, TypeError) as fault:
            raise ModelError(FAILED) from fault
        row = Row(prompt, self.temperature, self.seed)
        job = Job(row, owner, adapter, self.max_new_tokens)
        self.engine.submit(job)
        try:
            yield from self._pieces(job, run_manager)
        finally:
            job.cancelled.set()

    def _pieces(
        self, job: Job, run_manager: CallbackManagerForLLMRun | None
    ) -> Iterator[ChatGenerationChunk]:
        while True:
            try:
                said = job.said.get(timeout=BEAT_SECONDS)
            except queue.Empty:
                yield _chunk("", {"waiting": [self.engine.before(job)]})
                continue
            if isinstance(said, Exception):
                raise said
            if said is None:
                break
            chunk = _chunk(said, {})
            if run_manager:
                run_manager.on_llm_new_token(said, chunk=chunk)
            yield chunk
        yield _chunk("", self._facts(job), last=True)

    def _facts(self, job: Job) -> dict[str, Any]:
        tokens = {"prompt_tokens": len(job.row.prompt), "cached_tokens": job.cached}
        cut = {} if self.engine.is_end(job.row.written) else {"truncated": True}
        return {"logprobs": job.row.chances, **tokens, **cut}


def _chunk(text: str, facts: dict[str, Any], *, last: bool = False) -> ChatGenerationChunk:
    message = AIMessageChunk(
        content=text, response_metadata=facts, chunk_position="last" if last else None
    )
    return ChatGenerationChunk(message=message)
