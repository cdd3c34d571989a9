"""The line to a model's server: openai and langchain-openai, held to one machine and silenced.

Nothing of the environment that is meant for OpenAI's own server goes over it, and no other machine is asked.
"""

from __future__ import annotations

import json
import logging
import ssl
import warnings
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import openai
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from chat_app.models.remote import faults
from chat_app.models.remote.address import Address

# Seconds. A picture travels in the body, so writing may take a while. Reading is watched by whoever reads.
TIMEOUT = openai.Timeout(connect=10.0, write=60.0, pool=10.0, read=None)
QUICK = openai.Timeout(5.0, connect=10.0)

# openai tries again itself after 408, 409, 429 and 5xx, and when the connection fails.
RETRIES = 2

# What they log holds whole addresses; openai 2 logs the question too, at DEBUG.
TALKERS = ("openai._base_client", "openai._response", "openai._legacy_response", "httpx", "httpx2")

# openai adds which system and Python this is, and an organisation from the user's environment.
HEADERS = frozenset(
    {
        *("host", "connection", "user-agent", "authorization", "accept", "accept-encoding"),
        *("content-type", "content-length", "transfer-encoding"),
    }
)


@dataclass(frozen=True)
class Models:
    """What the server says of itself: GET /v1/models as JSON (None for nonsense) and its header `server`."""

    answer: object
    header: str


class Line:
    """How one server is asked. The key is shown nowhere."""

    def __init__(self, address: Address, key: str) -> None:
        for name in TALKERS:
            logging.getLogger(name).addFilter(_silent)
        # These quote what the server sent.
        warnings.filterwarnings("ignore", "Pydantic serializer warnings", UserWarning)
        self.address = address
        # openai insists on one, and without it takes that of the user's environment, which is another's.
        self._key = key or "none"
        # Made once: it takes longer than all the rest of a question. OpenSSL reads SSL_CERT_FILE.
        self._transport: dict[str, Any] = {
            "trust_env": not address.is_loopback,
            "follow_redirects": False,
            "verify": ssl.create_default_context(),
        }
        self._asking = openai.DefaultHttpxClient(**self._transport, event_hooks={"request": [_bare]})

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
        self, messages: Sequence[BaseMessage], fields: Mapping[str, Any], body: Mapping[str, Any]
    ) -> AsyncGenerator[AIMessageChunk, None]:
        """The chunks of one answer.

        fields: what ChatOpenAI knows by name. body: what the server takes beside it.

        Raises:
            SetupError, ModelError: whatever goes wrong.
        """
        # Its own, since it belongs to the loop of this one answer.
        async with self._http() as http:
            chat = self._chat(http)
            with faults.said():
                async for chunk in chat.astream(list(messages), extra_body=dict(body), **fields):
                    yield chunk

    def _get(self, path: str) -> Any:
        client = openai.OpenAI(
            base_url=self.address.url,
            api_key=self._key,
            http_client=self._asking,
            timeout=QUICK,
            max_retries=0,
        )
        return client.get(path, cast_to=faults.HTTP.Response)

    def _http(self) -> Any:
        return openai.DefaultAsyncHttpxClient(**self._transport, event_hooks={"request": [_bare_later]})

    def _chat(self, http: Any) -> ChatOpenAI:
        return ChatOpenAI(
            # ChatOpenAI has rules for names that look like OpenAI's ("o1", "gpt-5", "codex"); the true name
            # comes with each question.
            model="model",
            base_url=self.address.url,
            api_key=SecretStr(self._key),
            # Not from the environment either, where OPENAI_PROXY may stand.
            openai_proxy="",
            http_client=self._asking,
            http_async_client=http,
            timeout=TIMEOUT,
            # LangChain's own limit counts the wait for the first token as one between two.
            stream_chunk_timeout=None,
            max_retries=RETRIES,
            stream_usage=False,
            use_responses_api=False,
        )


def _bare(request: Any) -> None:
    for name in [name for name in request.headers if name.lower() not in HEADERS]:
        del request.headers[name]


async def _bare_later(request: Any) -> None:
    _bare(request)


def _json(content: bytes) -> object:
    try:
        data: object = json.loads(content)
    except ValueError:
        return None
    return data


def _silent(_: logging.LogRecord) -> bool:
    return False
