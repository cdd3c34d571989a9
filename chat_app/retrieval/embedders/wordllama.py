"""WordLlama: a vector a token, averaged; its files come inside the package, so it works without a network.

It knows what words mean beside others, not what a sentence says.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from chat_app.errors import SetupError
from chat_app.retrieval.embedders import Embedder, Vectors, unit
from chat_app.settings import Settings

FORM = "wordllama"
MISSING = "This embedder comes with an extra: run pip install 'lightbox-chat[dense]'."


def takes(name: str) -> bool:
    return name == FORM


def load(name: str, settings: Settings) -> Embedder:
    return Words()


class Words:
    """The embeddings that the package brings, 256 wide."""

    # Chosen on the development half of MedQuAD: see docs/retrieval.md.
    floor = 0.45

    def __init__(self) -> None:
        package = _package()
        # Its tokenizer lies in the folder "tokenizers", and it looks for one in "tokenizer" or in its cache.
        place = Path(package.__file__).parent
        self._model: Any = package.WordLlama.load(cache_dir=place, disable_download=True)
        self.identity = f"wordllama {metadata.version('wordllama')}"

    def passages(self, texts: Sequence[str]) -> Vectors:
        return unit(self._model.embed(list(texts)))

    def query(self, text: str) -> Vectors:
        vector: Vectors = self.passages([text])[0]
        return vector


def _package() -> Any:
    """Imported beside a handler that says nothing, for it would make the root logger print everything."""
    quiet = logging.NullHandler()
    logging.getLogger().addHandler(quiet)
    try:
        import wordllama
    except ModuleNotFoundError as error:
        raise SetupError(MISSING) from error
    finally:
        logging.getLogger().removeHandler(quiet)
    return wordllama
