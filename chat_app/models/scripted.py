"""A model that answers what it was told to and remembers what it was sent: for tests and trials of the page.

It looks at no picture and knows nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import ConfigDict, Field

from chat_app.errors import ModelError


class Scripted(BaseChatModel):
    """Gives the queued replies in order, then `default` for ever; a queued exception is raised instead.

    queue: what comes next. history: the messages of every call, oldest first. default: "" means that
    running out of replies is a ModelError.
    """

    queue: deque[str | Exception] = Field(default_factory=deque)
    history: list[list[BaseMessage]] = Field(default_factory=list)
    default: str = ""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    def enqueue(self, *replies: str | Exception) -> Scripted:
        self.queue.extend(replies)
        return self

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def get_num_tokens(self, text: str) -> int:
        """A word is a token; LangChain's own count would fetch a tokenizer from the network."""
        return len(text.split())

    def _next(self, messages: list[BaseMessage]) -> str:
        self.history.append(list(messages))
        reply = self.queue.popleft() if self.queue else self.default
        if isinstance(reply, Exception):
            raise reply
        if not reply:
            raise ModelError("The script holds no further reply: add one, or give it a default.")
        return reply

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(self._next(messages)))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for word in _words(self._next(messages)):
            chunk = ChatGenerationChunk(message=AIMessageChunk(content=word))
            if run_manager:
                run_manager.on_llm_new_token(word, chunk=chunk)
            yield chunk


def _words(text: str) -> list[str]:
    """The text cut before each word, so that joining the pieces gives it back."""
    first, *rest = text.split(" ")
    return [first, *(f" {word}" for word in rest)]
