"""Finds the passages that a question points to: by BM25 over all passages of the named corpora.

Where the settings name an embedder, by the likeness of vectors too; both rankings become one. What is worked
out for it (bm25s, vectors) is kept beside the corpora under a hash of what they hold, and made again whenever
that changes.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from chat_app import private
from chat_app.errors import BadQuestion, InputError, SetupError
from chat_app.grounding.tokens import tokens
from chat_app.records import Passage
from chat_app.retrieval import MISSING, corpus, embedders, fusion, vectors
from chat_app.retrieval.corpus import Corpus, searched
from chat_app.retrieval.embedders import Vectors
from chat_app.retrieval.vectors import Near
from chat_app.settings import Settings

# The constants were chosen on the development half of MedQuAD: see docs/retrieval.md.
FLOOR = 0.6  # of the weight of a question's words, that a passage must hold to be a basis
FEW = 1000  # passages: a floor that a handful of documents can pass
GAP = 0.2  # the share by which a score may fall below the one before
FUSED_GAP = 0.1  # the same of the fused score
DEPTH = 100  # passages of each ranking that are fused
RULES = 1  # raised whenever words are searched in another way, so that all is worked out again
MOST_CHARACTERS = 4000
PASSAGES, STARTS = "passages.jsonl", "starts.npy"
NAMELESS = "No corpus is named to search in: run lightbox index to see which there are."
WORDLESS = "The question is empty: write what to look for."


@dataclass(frozen=True)
class Found:
    """A passage, its score, and which share of the weight of the question's words it holds, 0 to 1.

    score: BM25's, or that of the fused ranking where there are vectors. cosine: of the question and the
    passage, 0 where there are none.
    """

    passage: Passage
    score: float
    share: float
    cosine: float = 0.0


class Searcher:
    """The passages of some corpora, opened for searching; they stay as they were when it was opened.

    near: their vectors, None where words alone are searched.
    """

    def __init__(self, folder: Path, near: Near | None = None) -> None:
        self.near = near
        self._passages = np.memmap(folder / PASSAGES, np.uint8, "r")
        self._starts = np.load(folder / STARTS)
        self._bm25 = _bm25s().BM25.load(folder, mmap=True, show_progress=False)
        self._words: dict[str, int] = self._bm25.vocab_dict

    def __len__(self) -> int:
        return len(self._starts) - 1

    def search(self, query: str, most: int = 5) -> tuple[Found, ...]:
        """The passages that are a basis for an answer, best first; empty where there is none.

        Raises:
            BadQuestion: the question is empty or too long.
            SetupError, ModelError: the embedder cannot be asked.
        """
        if self.near is None:
            return chosen(self.found(query, self.ranked(query, most)))
        ranked, cosines = self.fused(query, self.near)
        found = self.found(query, ranked[: max(most, 0)], cosines)
        if self.near.floor is None:
            return chosen(found, gap=FUSED_GAP)
        return chosen(found, self.near.floor, FUSED_GAP, attrgetter("cosine"))

    def fused(self, query: str, near: Near) -> tuple[list[tuple[int, float]], Vectors]:
        """The rankings by words and by vectors as one, best first; and the cosine of every passage."""
        words = self.ranked(query, DEPTH)
        cosines = near.cosines(query)
        return fusion.fused([words, fusion.first(cosines, DEPTH)]), cosines

    def ranked(self, query: str, most: int) -> list[tuple[int, float]]:
        """The best passages by words: number and BM25 score, whether they are a basis or not."""
        known = [word for word in dict.fromkeys(tokens(checked(query))) if word in self._words]
        return fusion.first(self._bm25.get_scores(known), most) if known else []

    def passage(self, row: int) -> Passage:
        start, end = self._starts[row : row + 2]
        return corpus.passage(self._passages[start:end].tobytes())

    def found(
        self, query: str, ranked: Iterable[tuple[int, float]], cosines: Vectors | None = None
    ) -> Iterator[Found]:
        """The passages of those numbers, each with the share of the question's weight that it holds.

        cosines: of all passages, (passages,).
        """
        weights = {word: self._weight(word) for word in tokens(query)}
        for row, score in ranked:
            passage = self.passage(row)
            held = set(tokens(searched(passage.title, passage.section, passage.text)))
            share = sum(weights[word] for word in weights if word in held) / (sum(weights.values()) or 1)
            yield Found(passage, score, share, 0.0 if cosines is None else float(cosines[row]))

    def _weight(self, word: str) -> float:
        """The most that a word can add to a score (Lucene's idf); an unknown word weighs as the rarest.

        As in a corpus of FEW passages at the least: in one of ten a word tells little by being rare.
        """
        times = 0
        if word in self._words:
            first, last = self._bm25.scores["indptr"][self._words[word] :][:2]
            times = int(last - first)
        return math.log(1 + (max(len(self), FEW) - times + 0.5) / (times + 0.5))


def checked(query: str) -> str:
    """The question as it is; raises BadQuestion when it is empty or too long."""
    if not query.strip():
        raise BadQuestion(WORDLESS)
    if len(query) > MOST_CHARACTERS:
        raise BadQuestion(f"The question is longer than {MOST_CHARACTERS} characters: shorten it.")
    return query


def chosen(
    ranked: Iterable[Found],
    floor: float = FLOOR,
    gap: float = GAP,
    height: Callable[[Found], float] = attrgetter("share"),
) -> tuple[Found, ...]:
    """Those above the floor, up to where the score falls by more than a share; height: what the floor is of.

    The number of passages by the ratio of neighbouring scores is MMed-RAG's idea (Xia et al., ICLR 2025,
    arXiv:2410.13085, adaptive retrieved context selection).
    """
    found: list[Found] = []
    for each in ranked:
        if height(each) < floor:
            continue
        if found and each.score < found[-1].score * (1 - gap):
            break
        found.append(each)
    return tuple(found)


def search(query: str, corpora: Sequence[str], settings: Settings, most: int = 5) -> tuple[Found, ...]:
    """As `Searcher.search`, of the named corpora as they are now; raises what `opened` and it do."""
    return opened(corpora, settings).search(query, most)


def opened(corpora: Sequence[str], settings: Settings) -> Searcher:
    """The corpora as they are now.

    Raises:
        InputError: none is named, or nothing is indexed under a name.
        SetupError: the extra "retrieval" is not installed, the index is damaged, or the embedder is unusable.
        ModelError: the embedder cannot be asked.
    """
    if not corpora:
        raise InputError(NAMELESS)
    named = [corpus.existing(settings, name) for name in sorted(set(corpora))]
    embedder = embedders.chosen(settings)
    try:
        state = corpus.state(named)
        folder = corpus.searches(settings) / f"{state}-{RULES}"
        if not folder.is_dir():
            _build(folder, named, state, settings)
        return Searcher(folder, vectors.opened(named, state, embedder, settings) if embedder else None)
    except FileNotFoundError as error:  # a document was changed meanwhile
        raise InputError(corpus.BUSY) from error
    except OSError as error:
        raise SetupError(private.UNWRITABLE) from error


def _build(folder: Path, named: Sequence[Corpus], state: str, settings: Settings) -> None:
    """Works out what searching needs: put in its place whole, and only if no document changed meanwhile."""
    made = Path(tempfile.mkdtemp(dir=folder.parent, prefix="."))
    try:
        write(made, (line for each in named for line in each.lines()))
        with corpus.settling(settings):
            if corpus.state(named) != state:
                raise InputError(corpus.BUSY)
            if not folder.is_dir():  # another process may have been as quick
                os.rename(made, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def write(folder: Path, lines: Iterable[bytes]) -> None:
    """What a Searcher opens, from passages a line: they themselves, where each starts, and their words."""
    vocabulary: dict[str, int] = {}
    rows, starts = _written(folder / PASSAGES, lines, vocabulary)
    np.save(folder / STARTS, np.asarray(starts, np.int64))
    index = _bm25s().BM25()
    index.index((rows, vocabulary), show_progress=False)
    index.save(folder, show_progress=False)
    for path in folder.iterdir():
        _synced(path)


def _written(path: Path, lines: Iterable[bytes], vocabulary: dict[str, int]) -> tuple[list[Any], list[int]]:
    """Copies the passages; gives each as numbers of its words, and where each starts, with the end."""
    rows, starts = [], [0]
    with path.open("wb") as file:
        for line in lines:
            file.write(line)
            starts.append(starts[-1] + len(line))
            said = json.loads(line)
            words = tokens(searched(said["title"], said["section"], said["text"]))
            rows.append(array("i", [vocabulary.setdefault(word, len(vocabulary)) for word in words]))
    return rows, starts


def _synced(path: Path) -> None:
    path.chmod(0o600)
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _bm25s() -> Any:
    try:
        import bm25s
    except ModuleNotFoundError as error:
        raise SetupError(MISSING) from error
    return bm25s
