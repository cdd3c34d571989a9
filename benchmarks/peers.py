"""The same conversation held with others: our model without the assistant, transformers, a server."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import torch
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from transformers.generation.streamers import BaseStreamer

from benchmarks import wire
from benchmarks.talk import TOKENS, Asked
from chat_app import prompts
from chat_app.models.local.chat import LocalModel
from chat_app.models.local.prompt import picture_of


@dataclass
class Messages:
    """Who keeps a conversation as messages, the picture ready inside."""

    picture: dict[str, Any]
    system: str = field(default_factory=lambda: prompts.render("answer"))
    said: list[BaseMessage] = field(default_factory=list)
    owner: int = 0

    def begin(self, *, again: bool = False) -> None:
        self.owner += not again
        self.said = [SystemMessage(self.system)] if self.system else []

    def ask(self, question: str) -> Asked:
        words = {"type": "text", "text": question}
        is_first = not any(message.type == "human" for message in self.said)
        shown = [self.picture] if self.picture and is_first else []
        self.said.append(HumanMessage([*shown, words]))
        asked = self.answered(self.said)
        self.said.append(AIMessage(asked.text))
        return asked

    def answered(self, messages: list[BaseMessage]) -> Asked:
        raise NotImplementedError


@dataclass
class Streamed(Messages):
    """Our model alone, without the assistant above it."""

    model: LocalModel = field(kw_only=True)
    adapter: str = ""

    def answered(self, messages: list[BaseMessage]) -> Asked:
        asked, began = Asked(), time.perf_counter()
        for chunk in self.model.stream(messages, owner=f"{id(self)} {self.owner}", adapter=self.adapter):
            if chunk.text:
                asked.first = asked.first or time.perf_counter() - began
                asked.text += str(chunk.text)
            asked.read = chunk.response_metadata.get("prompt_tokens", asked.read)
            asked.kept = chunk.response_metadata.get("cached_tokens", asked.kept)
        asked.total = time.perf_counter() - began
        return asked

    def begin(self, *, again: bool = False) -> None:
        if not again:
            self.model.forget(f"{id(self)} {self.owner}")
        super().begin(again=again)


@dataclass
class Cold(Messages):
    """transformers' own `generate` in this process, which reads everything at every turn."""

    model: Any = field(kw_only=True)
    processor: Any = field(kw_only=True)
    tokens: int = TOKENS

    def answered(self, messages: list[BaseMessage]) -> Asked:
        began = time.perf_counter()
        given = inputs(self.processor, messages).to(self.model.device, self.model.dtype)
        heard = Heard()
        with torch.inference_mode():
            written = self.model.generate(
                **given, do_sample=False, max_new_tokens=self.tokens, streamer=heard
            )
        total, read = time.perf_counter() - began, given["input_ids"].shape[1]
        text = self.processor.tokenizer.decode(written[0, read:], skip_special_tokens=True)
        return Asked(heard.first - began, total, text, read)


@dataclass
class Served(Messages):
    """A server over HTTP.

    more: fields for this server beside those that all take. salted: it keeps what it read, and shares it only
    with whom it is told to: each conversation begins as strange to it as to us.
    """

    url: str = field(kw_only=True)
    name: str = field(kw_only=True)
    more: dict[str, Any] = field(default_factory=dict)
    salted: bool = False
    tokens: int = TOKENS

    def answered(self, messages: list[BaseMessage]) -> Asked:
        asked, began = Asked(), time.perf_counter()
        for chunk in wire.chunks(self.url, self._body(messages)):
            if text := wire.text(chunk):
                asked.first = asked.first or time.perf_counter() - began
                asked.text += text
            if usage := chunk.get("usage"):
                asked.read = usage["prompt_tokens"]
                asked.kept = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
        asked.total = time.perf_counter() - began
        return asked

    def _body(self, messages: list[BaseMessage]) -> dict[str, Any]:
        fields = {"max_tokens": self.tokens, "temperature": 0.0, "stream": True, "seed": 0}
        salt = {"cache_salt": f"owner {self.owner}"} if self.salted else {}
        return {"model": self.name, "messages": wire.sent(messages), **fields, **self.more, **salt}


class Heard(BaseStreamer):
    """When the first token came; the prompt is put before it."""

    def __init__(self) -> None:
        self.first = 0.0
        self._put = 0

    def put(self, value: torch.Tensor) -> None:
        self._put += 1
        if self._put > 1:
            self.first = self.first or time.perf_counter()

    def end(self) -> None:
        pass


def inputs(processor: Any, messages: list[BaseMessage]) -> Any:
    """What the processor makes of the messages, by its own code."""
    turns = [
        {"role": message["role"], "content": [_plain(part) for part in message["content"]]}
        for message in wire.sent(messages)
    ]
    pictures = [picture_of(b) for m in messages for b in m.content_blocks if b["type"] == "image"]
    text = processor.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    return processor(text=text, images=pictures or None, return_tensors="pt")


def _plain(part: dict[str, Any]) -> dict[str, Any]:
    return part if part["type"] == "text" else {"type": "image"}
