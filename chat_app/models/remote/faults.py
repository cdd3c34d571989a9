"""What goes wrong on the line to a model's server, in our words.

The libraries' own words hold addresses, the server's answer and at times the question: they go no further.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import openai

from chat_app.errors import ChatAppError, ModelError, SetupError

# The HTTP library under openai: httpx up to openai 2, httpx2 from 3 on.
HTTP: Any = import_module(openai.DefaultHttpxClient.__mro__[1].__module__.partition(".")[0])

REFUSED = "The model's server refused our key, or wants one: set LIGHTBOX_API_KEY to one that it takes."
TRUST = (
    "The model's server shows no certificate that is trusted here: check its address, or name the file of "
    "its authority in SSL_CERT_FILE."
)
MOVED = "The model's server sends on to another address: name that one."
ABSENT = "The model's server has no model or adapter of that name: check the name before the @."
CLOUDED = (
    "This name stands for a model that Ollama asks on another machine: use the name whose tag says cloud, so "
    "that it is agreed to first."
)
OTHER = "The model's server did not answer as a chat server does: check its address, which often ends in /v1."
ODD = "The model's server did not take the question as it was put: check that its model is one for chat."
BLIND = "The model on the server reads no pictures: name one that does, or start it with its vision part."
LONG = "This is more than the server's model can take: ask about fewer pictures, or start a new conversation."
FEWER = "The server's model takes fewer pictures at once: ask about fewer."
BUSY = "The model's server is busy or still starting: try again in a moment."
SLOW = "The model's server took too long to answer: try again, or ask about fewer pictures."
BROKEN = "The connection to the model's server broke off: try again."
FILTERED = "The model's server held its answer back as unfit: ask in other words, or ask who runs it."
ENDED = "The model's server gave its answer up before the end: try again."
AWAY = "The model's server cannot be reached: check that it runs, and try again."
GARBAGE = "The model's server sent something that is no answer: try again, or ask who runs it."

# Wordings of vLLM ("maximum context length", "maximum model length"), SGLang ("longer than the model's
# context length"), llama.cpp ("exceed_context_size_error", "available context size") and OpenAI.
LONGER = re.compile(r"context[ _](length|size|window)|maximum model length|prompt is too long", re.I)
# vLLM: "At most 1 image(s) may be provided in one prompt."
MANY = re.compile(r"at most \d+ image", re.I)
# llama.cpp without its mmproj, with status 500; vLLM of a model for text.
SIGHTLESS = re.compile(r"image input is not supported|not a multimodal model|does not support image", re.I)
# transformers serve when started for one model, with status 400.
PINNED = re.compile(r"server is pinned to", re.I)

# Reasons that servers give for the end of an answer. "eos_token" and "stop_sequence" are TGI's; "tool_calls"
# is what some say of a model that wrote what looks like one.
CUT = "length"
WHOLE = frozenset({"stop", CUT, "eos", "eos_token", "stop_sequence", "tool_calls"})


@contextmanager
def said() -> Iterator[None]:
    """Runs a call of the libraries; their faults become ours."""
    try:
        yield
    except (openai.OpenAIError, HTTP.HTTPError) as error:
        raise named(error) from None
    # What reading nonsense as chunks of an answer ends in, inside openai and langchain-openai.
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise ModelError(GARBAGE) from None


def named(error: Exception) -> ChatAppError:
    """The sentence for a fault of the libraries."""
    code = getattr(error, "status_code", 0)
    if code in (401, 403):
        return SetupError(REFUSED)
    if code in (429, 503):
        return ModelError(BUSY)
    if isinstance(error, (openai.APIConnectionError, HTTP.HTTPError)):
        return _broken(error)
    return _stated(f"{error} {getattr(error, 'body', '')}", code) or _answered(error, code)


def ended(reason: object) -> ModelError | None:
    """The fault in how an answer ended, None when it is whole or of the longest length."""
    if isinstance(reason, str) and reason in WHOLE:
        return None
    return ModelError(FILTERED if reason == "content_filter" else ENDED)


def unreachable(error: Exception, host: str) -> ChatAppError:
    """The same while a model is loaded, when it is the operator's move and the machine can be named."""
    fault = named(error)
    if isinstance(fault, SetupError):
        return fault
    return SetupError(f"The model's server at {host} cannot be reached: check that it runs, and its address.")


def _stated(words: str, code: int) -> ChatAppError | None:
    """What the server says is wrong, where its wording is known."""
    if LONGER.search(words) or code == 413:
        return ModelError(LONG)
    if MANY.search(words):
        return ModelError(FEWER)
    if SIGHTLESS.search(words):
        return SetupError(BLIND)
    if code == 404 or PINNED.search(words):
        return SetupError(ABSENT)
    return None


def _answered(error: Exception, code: int) -> ChatAppError:
    if code == 408:
        return ModelError(SLOW)
    if 300 <= code < 400:
        return SetupError(MOVED)
    if code in (400, 422):
        return SetupError(ODD)
    if code >= 500:
        return ModelError(f"The model's server failed at this (HTTP {code}): try again or ask who runs it.")
    # An error sent in the middle of an answer has no status.
    if isinstance(error, openai.APIError) and not code:
        return ModelError("The model's server failed in the middle of its answer: try again.")
    return SetupError(OTHER)


def _broken(error: Exception) -> ChatAppError:
    causes = list(_causes(error))
    kinds = {type(cause).__name__ for cause in causes}
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return SetupError(TRUST)
    if kinds & {"ConnectError", "ConnectTimeout", "ProxyError"}:
        return ModelError(AWAY)
    if isinstance(error, openai.APITimeoutError) or kinds & {"ReadTimeout", "WriteTimeout", "PoolTimeout"}:
        return ModelError(SLOW)
    return ModelError(BROKEN)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
