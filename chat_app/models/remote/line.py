"""The line to a model's server: what it says of itself, and the chunks of its answers."""

from __future__ import annotations

import json
import warnings
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import openai
from langchain_core.messages import AIMessageChunk
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from chat_app import client
from chat_app.address import Address
from chat_app.models.remote import faults
from chat_app.models.remote.follow import Loop

# Seconds. A picture travels in the body, so writing may take a while. Reading is watched by whoever reads.
TIMEOUT = openai.Timeout(connect=10.0, write=60.0, pool=10.0, read=None)
QUICK = openai.Timeout(5.0, connect=10.0)

# openai tries again itself after 408, 409, 429 and 5xx, and when the connection fails.
RETRIES = 2


@dataclass(frozen=True)
class Models:
    """What the server says of itself: GET /v1/models as JSON (None for nonsense) and its header `server`."""

    answer: object
    header: str


class Line:
    """How one server is asked. The key is shown nowhere. loop: where its answers are read."""

    def __init__(self, address: Address, key: str) -> None:
        """Raises SetupError when that can be no key."""
        # These quote what the server sent.
        warnings.filterwarnings("ignore", "Pydantic serializer warnings", UserWarning)
        self.address = address
        self._asking = client.asking(address.url, key, QUICK)
        answering = client.answering(address.url, key, TIMEOUT, RETRIES)
        # Made once: this takes as long as the rest of a question.
        self._chat = _chat(self._asking, answering)
        self.loop = Loop(answering.close)

    def models(self) -> Models:
        """Raises SetupError when the server cannot be reached or refuses us; anything else is tolerated."""
        try:
            response = self._get("/models")
        except openai.APIStatusError as error:
            if error.status_code in (401, 403) or error.status_code < 400:
                raise faults.named(error) from None
            return Models(None, error.response.headers.get("server", ""))
        except openai.APIConnectionError as error:
            raise faults.unreachable(error, self.address.host) from None
        return Models(_json(response.content), response.headers.get("server", ""))

    def page(self, path: str) -> object:
        """A page of the server itself, as JSON; None when there is none or it is nonsense."""
        try:
            return _json(self._get(self.address.root + path).content)
        except openai.OpenAIError:
            return None

    async def answer(
        self, fields: Mapping[str, Any], body: Mapping[str, Any]
    ) -> AsyncGenerator[AIMessageChunk, None]:
        """The chunks of one answer.

        fields: what ChatOpenAI knows by name. body: what the server takes beside it, the messages too.

        Raises:
            SetupError, ModelError: whatever goes wrong.
        """
        with faults.said():
            # Messages given by name would be walked through twice, which takes as long as sending them.
            chunks: Any = self._chat.astream([], extra_body=dict(body), **fields)
            async with aclosing(chunks):
                async for chunk in chunks:
                    yield chunk

    def _get(self, path: str) -> Any:
        return self._asking.get(path, cast_to=faults.HTTP.Response)


def _chat(asking: openai.OpenAI, answering: openai.AsyncOpenAI) -> ChatOpenAI:
    return ChatOpenAI(
        # ChatOpenAI has rules for names that look like OpenAI's ("o1", "gpt-5", "codex"); the true name
        # comes with each question.
        model="model",
        client=asking.chat.completions,
        root_client=asking,
        async_client=answering.chat.completions,
        root_async_client=answering,
        # The clients have these, and ChatOpenAI would look for them in the environment.
        base_url=str(answering.base_url),
        api_key=SecretStr(answering.api_key),
        openai_proxy="",
        # LangChain's own limit counts the wait for the first token as one between two.
        stream_chunk_timeout=None,
        stream_usage=False,
        use_responses_api=False,
    )


def _json(content: bytes) -> object:
    try:
        data: object = json.loads(content)
    # RecursionError: brackets in brackets in brackets.
    except (ValueError, RecursionError):
        return None
    return data
