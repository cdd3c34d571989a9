"""What turns text into vectors: one file a kind, found by listing this folder; none is asked unless named.

It knows nothing of documents: text goes in, unit vectors come out.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Sequence
from typing import Protocol, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chat_app.errors import SetupError
from chat_app.settings import Settings

Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """One that is ready to be asked; its vectors have length 1, or 0 where a text says nothing to it."""

    @property
    def identity(self) -> str:
        """Changes whenever its vectors would."""
        ...

    @property
    def floor(self) -> float | None:
        """The least cosine that makes a passage a basis, None where nobody has measured one."""
        ...

    def passages(self, texts: Sequence[str]) -> Vectors:
        """One row a text, (texts, d). Raises SetupError or ModelError when it cannot."""
        ...

    def query(self, text: str) -> Vectors:
        """Of a question, (d,). Raises what `passages` does."""
        ...


class Kind(Protocol):
    """What each module of this folder is. FORM: how its embedders are named, for people."""

    FORM: str

    def takes(self, name: str) -> bool:
        """Whether that is the name of one of its embedders; nothing is loaded."""
        ...

    def load(self, name: str, settings: Settings) -> Embedder:
        """Raises SetupError when it is not installed, or its files are missing or damaged."""
        ...


def kinds() -> tuple[Kind, ...]:
    found = (each.name for each in pkgutil.iter_modules(__path__) if not each.ispkg)
    return tuple(cast(Kind, importlib.import_module(f"{__name__}.{name}")) for name in found)


@functools.lru_cache(maxsize=1)
def chosen(settings: Settings) -> Embedder | None:
    """The embedder that the settings name, None for words alone; the last one asked for stays loaded.

    Raises:
        SetupError: there is none of that name, or it cannot be loaded.
    """
    name = settings.embedder
    if not name:
        return None
    for kind in kinds():
        if kind.takes(name):
            return kind.load(name, settings)
    forms = ", ".join(kind.FORM for kind in kinds())
    raise SetupError(f"There is no embedder of that name: an embedder is named {forms}.")


def unit(vectors: ArrayLike) -> Vectors:
    """The same vectors, (texts, d), with length 1; those without length stay as they are."""
    rows = np.asarray(vectors, np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), np.float32)
