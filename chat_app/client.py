"""The client of a server that is asked as OpenAI's is: openai's own, held to one machine and silenced.

Nothing of the environment that is meant for OpenAI's own server goes over it, and no other machine is asked.
"""

from __future__ import annotations

import logging
import ssl
from typing import Any
from urllib.parse import urlsplit

import openai

from chat_app import hosts
from chat_app.errors import SetupError

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
KEY = (
    "The key in LIGHTBOX_API_KEY, or LIGHTBOX_EMBEDDER_KEY for an embedder, holds a space or a letter beyond "
    "ASCII: set it to the key alone."
)


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


def asking(url: str, key: str, timeout: openai.Timeout, retries: int = 0) -> openai.OpenAI:
    """A client that waits for its answers.

    Raises:
        SetupError: that can be no key.
    """
    key = _checked(key)
    line = openai.DefaultHttpxClient(**_way(url), event_hooks={"request": [_Bare(key)]})
    return _Asking(base_url=url, api_key=key, http_client=line, timeout=timeout, max_retries=retries)


def answering(url: str, key: str, timeout: openai.Timeout, retries: int = 0) -> openai.AsyncOpenAI:
    """One whose answers are read as they come; raises what `asking` does."""
    key = _checked(key)
    line = openai.DefaultAsyncHttpxClient(**_way(url), event_hooks={"request": [_Bare(key).later]})
    return _Answering(base_url=url, api_key=key, http_client=line, timeout=timeout, max_retries=retries)


def _way(url: str) -> dict[str, Any]:
    for name in TALKERS:
        logging.getLogger(name).addFilter(_silent)
    return {
        "trust_env": not hosts.is_loopback(urlsplit(url).hostname or ""),
        "follow_redirects": False,
        # OpenSSL reads SSL_CERT_FILE.
        "verify": ssl.create_default_context(),
    }


def _checked(key: str) -> str:
    """What is sent as the key; openai insists on one, else it takes another's from the environment."""
    key = key.strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise SetupError(KEY)
    return key or "none"


def _silent(_: logging.LogRecord) -> bool:
    return False
