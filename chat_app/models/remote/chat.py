"""A model on a server as a LangChain chat model: streaming, stopping for good, adapters, one salt an owner.

It knows nothing of patients, reports or boxes: messages go out, pieces of text come in.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import ConfigDict, Field

from chat_app.address import Address
from chat_app.errors import ModelError, SetupError
from chat_app.models.remote import faults, servers
from chat_app.models.remote.follow import follow
from chat_app.models.remote.line import Line
from chat_app.models.remote.servers import Listed, Server
from chat_app.settings import Settings

# How often whoever reads gets a chance to leave while nothing comes, in seconds.
EVERY = 0.2

ROLES = {"system": "system", "human": "user", "ai": "assistant"}

PIECE = re.compile(r" ?(?:[A-Z]{2,}|[A-Z]?[a-z]+|[A-Z])|[^A-Za-z]", re.DOTALL)
# What is no word, such as HTN and dx, is not in a vocabulary either.
SPELT = re.compile(r"[A-Z]{2,}|[^aeiouy]+")


def connected(address: Address, settings: Settings) -> RemoteModel:
    """The model at that address, its server told apart.

    Raises:
        SetupError: the server cannot be reached, refuses the key, or has no such model.
    """
    line = Line(address, settings.api_key)
    models = line.models()
    lines = servers.listed(models.answer)
    server = servers.told(lines, models.header, line)
    _check_cloud(address, server, line)
    if server.strict and lines and address.model not in {each.name for each in lines}:
        raise SetupError(faults.ABSENT)
    return RemoteModel(
        line=line,
        server=server,
        listed=lines,
        seed=settings.seed,
        temperature=settings.temperature,
        max_new_tokens=settings.max_new_tokens,
    )


def _check_cloud(address: Address, server: Server, line: Line) -> None:
    """Raises SetupError when an Ollama would pass questions on although the name does not say so."""
    if server is not servers.SERVERS["ollama"] or address.is_cloud:
        return
    if servers.passes_on(line.page("/api/tags"), address.model):
        raise SetupError(faults.CLOUDED)


@dataclass
class _Told:
    """What an answer's chunks have told so far. reason: why the answer ended, None before that."""

    chunks: int = 0
    reason: object = None
    usage: dict[str, int] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, Any]:
        return self.usage | ({"truncated": True} if self.reason == faults.CUT else {})

    def take(self, chunk: AIMessageChunk) -> None:
        self.chunks += 1
        self.reason = chunk.response_metadata.get("finish_reason") or self.reason
        if stated := chunk.usage_metadata:
            self.usage["prompt_tokens"] = stated["input_tokens"]
            details = stated.get("input_token_details", {})
            if "cache_read" in details:
                self.usage["cached_tokens"] = details["cache_read"]

    def check(self) -> None:
        """Raises ModelError when that was no whole answer; not all servers send [DONE], all send a reason."""
        if self.reason is None:
            raise ModelError(faults.BROKEN if self.chunks else faults.GARBAGE)
        if fault := faults.ended(self.reason):
            raise fault


class RemoteModel(BaseChatModel):
    """The model that `line` leads to.

    The last chunk of a stream carries `prompt_tokens` and `cached_tokens` where the server states them, and
    `truncated` where the answer reached its longest length. While nothing comes, empty chunks with `waiting`
    do. listed: what the server said it has when it was last asked. patience: most seconds before the first
    piece, which may wait for a model to be read from disk and for pictures to be read on a slow machine, and
    between two later ones.
    """

    line: Any = Field(repr=False)
    server: Server
    listed: tuple[Listed, ...] = ()
    seed: int = 0
    temperature: float = 0.0
    max_new_tokens: int = 256
    patience: tuple[float, float] = (600.0, 120.0)

    model_config = ConfigDict(arbitrary_types_allowed=True)

    @property
    def _llm_type(self) -> str:
        return "lightbox-remote"

    def adapters(self) -> tuple[str, ...]:
        """The names of the adapters that the server listed."""
        if not self.server.adapter:
            return ()
        return tuple(each.name for each in self.listed if each.parent)

    def get_num_tokens(self, text: str) -> int:
        """A guess, meant to be too high: which tokenizer the server has is not known, and it is not asked.

        Two letters of a word count as a token, as does each letter of capitals and of what has no vowel, and
        each byte of all else. On this project's texts, of which many are lists of numbers, no line had more
        tokens of Mistral's (SentencePiece, 32k) or Nemo's (byte-level BPE, 131k); all together had 49 and 44
        for 100 counted here. Rare words in another tokenizer may have more. Counting too few would have the
        server refuse a long conversation; counting too many forgets its beginning earlier.
        """
        return 1 + sum(map(_most_tokens, PIECE.findall(text)))

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
        """owner: shares what the server keeps of its prompts with nobody, where the server can do that."""
        fields = self._fields(stop, adapter)
        body: dict[str, Any] = {
            "messages": [_sent(message) for message in messages],
            "max_tokens": self.max_new_tokens,
        }
        if owner and self.server.salt:
            body["cache_salt"] = hashlib.sha256(owner.encode()).hexdigest()
        told = _Told()
        with closing(follow(self.line.loop, lambda: self.line.answer(fields, body), EVERY)) as chunks:
            for text in self._pieces(chunks, told):
                chunk = _piece(text)
                if text and run_manager:
                    run_manager.on_llm_new_token(text, chunk=chunk)
                yield chunk
        told.check()
        yield ChatGenerationChunk(
            message=AIMessageChunk(content="", response_metadata=told.facts, chunk_position="last")
        )

    def _pieces(self, chunks: Iterator[AIMessageChunk | None], told: _Told) -> Iterator[str]:
        """The text as it comes, and "" while it does not; raises ModelError when that lasts too long."""
        heard = shown = time.monotonic()
        most, later = self.patience
        try:
            for chunk in chunks:
                now, text = time.monotonic(), ""
                if chunk is not None:
                    told.take(chunk)
                    text = str(chunk.text)
                if text:
                    heard, most = now, later
                elif now - heard > most:
                    raise ModelError(faults.SLOW)
                # A server may send chunks without text for long: thoughts, or a sign that it lives.
                if text or now - shown >= EVERY:
                    shown = now
                    yield text
        except ModelError:
            # A line that breaks after the reason for the end takes nothing away.
            if told.reason is None:
                raise

    def _fields(self, stop: list[str] | None, adapter: str) -> dict[str, Any]:
        """What ChatOpenAI is told of this question."""
        fields: dict[str, Any] = {
            "model": self._model(adapter),
            "seed": self.seed,
            "temperature": self.temperature,
        }
        if self.server.usage:
            fields["stream_usage"] = True
        return fields | ({"stop": stop} if stop else {})

    def _model(self, adapter: str) -> str:
        """What the server calls the model with that adapter; raises SetupError when it has none such."""
        name: str = self.line.address.model
        if not adapter:
            return name
        if not self.server.adapter:
            raise SetupError(
                f"This model runs on {self.server.name}, which serves no adapters by name: choose none."
            )
        if adapter not in self.adapters():
            # It may have been given one since.
            self.listed = servers.listed(self.line.models().answer)
        if adapter not in self.adapters():
            raise SetupError("The model's server has no adapter of that name: choose one that it lists.")
        return self.server.adapter.format(model=name, adapter=adapter)


def _piece(text: str) -> ChatGenerationChunk:
    # A list, because LangChain adds up what the chunks of an answer carry.
    facts = {} if text else {"waiting": [0]}
    return ChatGenerationChunk(message=AIMessageChunk(content=text, response_metadata=facts))


def _sent(message: BaseMessage) -> dict[str, Any]:
    """The message as servers take it: text, or parts, with pictures inside; what else a block says stays."""
    blocks: list[Any] = list(message.content_blocks)
    content: Any = [_part(block) for block in blocks]
    if all(block["type"] == "text" for block in blocks):
        content = "".join(block["text"] for block in blocks)
    return {"role": ROLES[message.type], "content": content}


def _part(block: Any) -> dict[str, Any]:
    if block["type"] == "text":
        return {"type": "text", "text": block["text"]}
    # Never an address: the server would fetch it.
    return {
        "type": "image_url",
        "image_url": {"url": f"data:{block['mime_type']};base64,{block['base64']}"},
    }


def _most_tokens(piece: str) -> int:
    """Of a word, with the space before it, or of one other character."""
    word = piece.lstrip(" ")
    if not (word.isascii() and word.isalpha()):
        return len(piece.encode())
    return len(word) if SPELT.fullmatch(word) else (len(word) + 1) // 2
