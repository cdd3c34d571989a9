"""An embedder on a server that is asked as OpenAI's is, at /embeddings: documents and questions go there.

Which weights answer under a name is not known here: a server that changes them has to be given another name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from chat_app import address
from chat_app.address import Address
from chat_app.errors import ChatAppError, ModelError, SetupError
from chat_app.retrieval.embedders import Embedder, Vectors, unit
from chat_app.settings import Settings

FORM = "openai:NAME@URL"
BATCH = 64  # texts a request
SECONDS, RETRIES = 120.0, 2
REFUSED = "The embedder's server refused our key, or wants one: set LIGHTBOX_EMBEDDER_KEY to one it takes."
ABSENT = "The embedder's server has no embedder of that name there: check the name, and the address after @."
UNFIT = (
    "The embedder's server did not take this text: check that its model is one for embeddings and reads 512 "
    "tokens or more."
)
AWAY = "The embedder's server cannot be reached, is busy or failed: check that it runs, and try again."
GARBAGE = "The embedder's server sent something that is no embedding: check its address, and its model."


def takes(name: str) -> bool:
    return name.startswith(address.SCHEME)


def load(name: str, settings: Settings) -> Embedder:
    return Served(address.parsed(name), settings.embedder_key)


class Served:
    """The embedder at that address."""

    floor = None

    def __init__(self, place: Address, key: str) -> None:
        import openai

        from chat_app import client

        self._model = place.model
        self._asking = client.asking(place.url, key, openai.Timeout(SECONDS), RETRIES)
        self.identity = f"{place.model}@{place.url}"

    def passages(self, texts: Sequence[str]) -> Vectors:
        batches = (list(texts[at : at + BATCH]) for at in range(0, len(texts), BATCH))
        return np.concatenate([self._asked(batch) for batch in batches])

    def query(self, text: str) -> Vectors:
        vector: Vectors = self._asked([text])[0]
        return vector

    def _asked(self, texts: list[str]) -> Vectors:
        with _said():
            # A server of another kind may know no other format; openai would ask for base64.
            answer = self._asking.embeddings.create(model=self._model, input=texts, encoding_format="float")
            rows = sorted(answer.data, key=lambda each: each.index)
            vectors = np.array([each.embedding for each in rows], np.float32)
        is_table = vectors.ndim == 2 and len(vectors) == len(texts) and vectors.size > 0
        if not is_table or not np.isfinite(vectors).all():
            raise ModelError(GARBAGE)
        return unit(vectors)


@contextmanager
def _said() -> Iterator[None]:
    """The library's own words hold addresses and the server's answer: they go no further."""
    import openai

    try:
        yield
    except openai.OpenAIError as error:
        raise _named(error) from None
    # What reading nonsense as embeddings ends in.
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise ModelError(GARBAGE) from None


def _named(error: Any) -> ChatAppError:
    code = getattr(error, "status_code", 0)
    if code in (401, 403):
        return SetupError(REFUSED)
    if code in (404, 405) or 300 <= code < 400:
        return SetupError(ABSENT)
    if code in (400, 413, 422):
        return SetupError(UNFIT)
    return ModelError(AWAY)
