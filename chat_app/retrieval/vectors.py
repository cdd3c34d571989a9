"""The vectors of passages: worked out once a document, kept beside it, joined into one table for searching.

A document's vectors lie in parts of a thousand passages, so a run that was killed goes on where it was, and
an embedder is asked about what is new only. The search is exact: every vector is looked at.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from chat_app import private
from chat_app.errors import InputError, SetupError
from chat_app.retrieval import corpus
from chat_app.retrieval.corpus import Corpus, Head
from chat_app.retrieval.embedders import Embedder, Vectors
from chat_app.settings import Settings

RULES = 1  # raised whenever another text of a passage is embedded, so that all are embedded again
PART = 1024  # passages a file
BLOCK = 16384  # vectors multiplied at a time


class Near:
    """The vectors of some corpora's passages, row by row, and the embedder that made them."""

    def __init__(self, path: Path, embedder: Embedder) -> None:
        self._rows = np.load(path, mmap_mode="r")
        self._embedder = embedder
        self.floor = embedder.floor

    def cosines(self, query: str) -> Vectors:
        """Of the question and every passage, (passages,). Raises what the embedder does."""
        vector = self._embedder.query(query)
        if vector.shape != self._rows.shape[1:]:
            raise SetupError(corpus.HURT)
        blocks = (self._rows[at : at + BLOCK] for at in range(0, len(self._rows), BLOCK))
        return np.concatenate([block @ vector for block in blocks])


def opened(named: Sequence[Corpus], state: str, embedder: Embedder, settings: Settings) -> Near:
    """The vectors of the corpora in that state; whatever is not worked out yet is.

    Raises:
        InputError: a document is changed meanwhile.
        SetupError, ModelError: the embedder cannot be asked.
    """
    path = corpus.searches(settings) / f"{state}-{identity(embedder)}.npy"
    if not path.is_file():
        complete(named, embedder, settings)
        _join(path, named, state, identity(embedder), settings)
    return Near(path, embedder)


def identity(embedder: Embedder) -> str:
    """What its vectors are kept under."""
    return hashlib.sha256(f"{RULES} {embedder.identity}".encode()).hexdigest()[:16]


def complete(named: Sequence[Corpus], embedder: Embedder, settings: Settings) -> None:
    """Works out the vectors that are not kept yet; raises what `opened` does."""
    if not any(_missing(named, identity(embedder))):
        return
    with corpus.changing(settings):
        missing = list(_missing(named, identity(embedder)))
        for path, held, key, part in tqdm(missing, desc="embedding", unit="part", disable=None, leave=False):
            lines = islice(held.document(key), part * PART, (part + 1) * PART)
            vectors = embedder.passages([_text(line) for line in lines])
            file = io.BytesIO()
            np.save(file, vectors)
            private.folder(path.parent.parent)
            private.folder(path.parent)
            private.replace(path, file.getvalue())


def _parts(named: Sequence[Corpus], embedder: str) -> Iterator[tuple[Path, Corpus, str, int]]:
    """Every part of every document, in the order of the passages."""
    for held in named:
        for key, head in held.heads().items():
            for part in range(_count(head)):
                yield held.vectors(key, embedder, part), held, key, part


def _missing(named: Sequence[Corpus], embedder: str) -> Iterator[tuple[Path, Corpus, str, int]]:
    return (each for each in _parts(named, embedder) if not each[0].is_file())


def _count(head: Head) -> int:
    return -(-head.passages // PART)


def _text(line: bytes) -> str:
    said = json.loads(line)
    return corpus.searched(said["title"], said["section"], said["text"])


def _join(path: Path, named: Sequence[Corpus], state: str, embedder: str, settings: Settings) -> None:
    """Puts all parts into one file: in its place whole, and only if no document changed meanwhile."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            _write(file, [each[0] for each in _parts(named, embedder)])
            os.fsync(file.fileno())
        with corpus.settling(settings):
            if corpus.state(named) != state:
                raise InputError(corpus.BUSY)
            os.replace(name, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


def _write(file: Any, parts: Sequence[Path]) -> None:
    """A table of all rows as NumPy keeps one. Raises SetupError when the parts do not fit together."""
    try:
        shapes = [np.load(part, mmap_mode="r").shape for part in parts]
    except ValueError as error:
        raise SetupError(corpus.HURT) from error
    if len({shape[1:] for shape in shapes}) != 1:
        raise SetupError(corpus.HURT)
    shape = (sum(shape[0] for shape in shapes), *shapes[0][1:])
    form = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)),
        "fortran_order": False,
        "shape": shape,
    }
    np.lib.format.write_array_header_1_0(file, form)
    for part in parts:
        file.write(np.load(part).astype(np.float32).tobytes())
    file.flush()
