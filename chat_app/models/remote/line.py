"""The line to a model's server: openai and langchain-openai, held to one machine and silenced.

Nothing of the environment that is meant for OpenAI's own server goes over it, and no other machine is asked.
"""

from __future__ import annotations

import json
import logging
import ssl
import warnings
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import openai
from langchain_core.messages import AIMessageChunk
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from chat_app.errors import SetupError
from chat_app.models.remote import faults
from chat_app.models.remote.address import Address
from chat_app.models.remote.follow import Loop

# Seconds. A picture travels in the body, so writing may take a while. Reading is watched by whoever reads.
TIMEOUT = openai.Timeout(connect=10.0, write=60.0, pool=10.0, read=None)
QUICK = openai.Timeout(5.0, connect=10.0)

# openai tries again itself after 408, 409, 429 and 5xx, and when the connection fails.
RETRIES = 2

# What they log holds whole addresses; openai 2 logs the question too, at DEBUG.
TALKERS = ("openai._base_client", "openai._response", "openai._legacy_response", "httpx", "httpx2")

AGENT = "lightbox"

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


class _Own:
    """Goes before a client of openai's, which would add what stands in OPENAI_CUSTOM_HEADERS."""

    @property
    def default_headers(self) -> dict[str, Any]:
        return {"Accept": "application/json", "Content-Type": "application/json"}


class _Asking(_Own, openai.OpenAI):
    pass


class _Answering(_Own, openai.AsyncOpenAI):
    pass


class _Bare:
    """Leaves of a request what every server needs, and says who asks; called before it goes."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: Any) -> None:
        for name in [name for name in request.headers if name.lower() not in HEADERS]:
            del request.headers[name]
        request.headers["authorization"] = f"Bearer {self._key}"
        request.headers["host"] = request.url.netloc.decode("ascii")
        request.headers["user-agent"] = AGENT

    async def later(self, request: Any) -> None:
        self(request)


class Line:
    """How one server is asked. The key is shown nowhere. loop: where its answers are read."""

    def __init__(self, address: Address, key: str) -> None:
        """Raises SetupError when that can be no key."""
        for name in TALKERS:
            logging.getLogger(name).addFilter(_silent)
        # These quote what the server sent.
        warnings.filterwarnings("ignore", "Pydantic serializer warnings", UserWarning)
        self.address = address
        key = _checked(key)
        bare = _Bare(key)
        way: dict[str, Any] = {
            "trust_env": not address.is_loopback,
            "follow_redirects": False,
            # OpenSSL reads SSL_CERT_FILE.
            "verify": ssl.create_default_context(),
        }
        asking = openai.DefaultHttpxClient(**way, event_hooks={"request": [bare]})
        answering = openai.DefaultAsyncHttpxClient(**way, event_hooks={"request": [bare.later]})
        # Made once: all this takes as long as the rest of a question.
        end: dict[str, Any] = {"base_url": address.url, "api_key": key}
        self._asking = _Asking(**end, http_client=asking, timeout=QUICK, max_retries=0)
        later = _Answering(**end, http_client=answering, timeout=TIMEOUT, max_retries=RETRIES)
        self._chat = _chat(self._asking, later)
        self.loop = Loop(answering.aclose)

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


def _chat(asking: _Asking, answering: _Answering) -> ChatOpenAI:
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


def _checked(key: str) -> str:
    """What is sent as the key; openai insists on one, else it takes another's from the environment."""
    key = key.strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise SetupError(
            "The key in LIGHTBOX_API_KEY holds a space or a letter beyond ASCII: set it to the key alone."
        )
    return key or "none"


def _json(content: bytes) -> object:
    try:
        data: object = json.loads(content)
    # RecursionError: brackets in brackets in brackets.
    except (ValueError, RecursionError):
        return None
    return data


def _silent(_: logging.LogRecord) -> bool:
    return False
