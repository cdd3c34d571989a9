"""Vectors without a model, for tests: how often each word of a text occurs, words hashed into places."""

from __future__ import annotations

import math
import zlib

from langchain_core.embeddings import Embeddings

from chat_app.grounding.tokens import tokens

SIZE = 512


class HashedWords(Embeddings):
    """Texts that share words lie near each other, and nothing else does; each vector is of length 1."""

    def embed_query(self, text: str) -> list[float]:
        counts = [0.0] * SIZE
        for word in tokens(text):
            counts[zlib.crc32(word.encode()) % SIZE] += 1
        length = math.hypot(*counts) or 1.0
        return [count / length for count in counts]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]
