"""Brings a corpus up to date with a folder of documents: reads what is new, removes what is gone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from chat_app.errors import InputError, TooLarge, UnreadableFile
from chat_app.records import Passage
from chat_app.retrieval import corpus, cut, embedders, parsers, vectors
from chat_app.retrieval.blocks import shown
from chat_app.retrieval.corpus import Corpus
from chat_app.retrieval.limits import MEGABYTE, Limits
from chat_app.settings import Settings

RULES = 1  # raised whenever a document is read or cut in another way, so that all are read again
NOWHERE = "There is no folder of documents there: check its path."
NOTHING = "No document of a kind that is read lies there: give .pdf, .html, .md, .txt or .jsonl files."
EMPTY = "This file is empty: fetch it again, or leave it out."
WORDLESS = "This document holds no words: leave it out."
DENIED = "This file cannot be opened: check who may read it."
FULL = "This corpus would hold more than {} passages: split it into several."


@dataclass(frozen=True)
class Indexed:
    """What a run did. refused: a sentence for each document that was not taken, with its name.

    unread: how many files are of a kind that is not read.
    """

    documents: int
    passages: int
    added: int
    unchanged: int
    removed: int
    refused: tuple[str, ...]
    unread: int


def index(folder: Path, name: str, settings: Settings, limits: Limits | None = None) -> Indexed:
    """Makes the corpus hold what the folder, or the single file, holds.

    A document is kept as soon as it is read: a run that was killed is completed by the next. A document that
    is refused is not in the corpus, also where an earlier version was.

    Raises:
        InputError: there is no such folder, it holds no document, or others are at work.
        SetupError: the extra "retrieval" is not installed, or the data folder or the embedder cannot be used.
        ModelError: the embedder cannot be asked; the documents are kept.
    """
    embedder = embedders.chosen(settings)
    known = parsers.known()
    files = dict(_files(folder))
    taken = {source: path for source, path in files.items() if parsers.ending(source) in known}
    if not taken:
        raise InputError(NOTHING)
    kept = corpus.made(settings, name)
    with corpus.changing(settings):
        done = _Run(kept, settings, limits or Limits()).bring(taken, len(files) - len(taken))
    if embedder:
        vectors.complete([kept], embedder, settings)
    return done


class _Run:
    """One run over a corpus: what it held before, and what is refused."""

    def __init__(self, kept: Corpus, settings: Settings, limits: Limits) -> None:
        self.kept, self.settings, self.limits = kept, settings, limits
        self.refused: list[str] = []
        self.is_touched = False
        kept.sweep()
        self.heads = kept.heads()
        self.before = dict(self.heads)
        self.passages = sum(head.passages for head in self.heads.values())

    def bring(self, files: dict[str, Path], unread: int) -> Indexed:
        wanted = {corpus.key(source) for source in files}
        for key in self.before.keys() - wanted:
            self._drop(key)
        for source in tqdm(files, desc="indexing", unit="document", disable=None, leave=False):
            self._take(source, files[source])
        if self.is_touched:
            corpus.forget_searches(self.settings)
        changed = [key for key, head in self.heads.items() if self.before.get(key) != head]
        return Indexed(
            documents=len(self.heads),
            passages=self.passages,
            added=len(changed),
            unchanged=len(self.heads) - len(changed),
            removed=len(self.before.keys() - self.heads.keys()),
            refused=tuple(self.refused),
            unread=unread,
        )

    def _take(self, source: str, path: Path) -> None:
        """Keeps one document unless it is kept already; a refused one is gone."""
        key = corpus.key(source)
        try:
            data = _bytes(path, self.limits)
            sha256 = hashlib.sha256(data).hexdigest()
            head = self.heads.get(key)
            if head and (head.sha256, head.rules) == (sha256, RULES):
                return
            found = self._read(source, key, data)
        except InputError as error:
            self.refused.append(f"{shown(source)}: {error}")
            self._drop(key)
            return
        self._touch()
        self.kept.put(key, sha256, RULES, found)
        self.passages += len(found) - self._held(key)
        self.heads[key] = corpus.Head(sha256, RULES, len(found))

    def _read(self, source: str, key: str, data: bytes) -> list[Passage]:
        others = self.passages - self._held(key)
        found: list[Passage] = []
        for passage in cut.passages(
            parsers.known()[parsers.ending(source)].blocks(data, self.limits), source
        ):
            found.append(passage)
            if others + len(found) > self.limits.passages:
                raise TooLarge(FULL.format(self.limits.passages))
        if not found:
            raise UnreadableFile(WORDLESS)
        return found

    def _drop(self, key: str) -> None:
        if key in self.heads:
            self._touch()
            self.kept.remove(key)
            self.passages -= self._held(key)
            del self.heads[key]

    def _held(self, key: str) -> int:
        """How many passages the document has that is kept under this key."""
        return self.heads[key].passages if key in self.heads else 0

    def _touch(self) -> None:
        if not self.is_touched:
            corpus.forget_searches(self.settings)
            self.is_touched = True


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file by its name within the folder; hidden ones and links to elsewhere are left alone."""
    if folder.is_file():
        yield folder.name, folder
        return
    if not folder.is_dir():
        raise InputError(NOWHERE)
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            if not name.startswith(".") and not path.is_symlink() and path.is_file():
                yield path.relative_to(folder).as_posix(), path


def _bytes(path: Path, limits: Limits) -> bytes:
    try:
        if path.stat().st_size > limits.file_bytes:
            most = limits.file_bytes / MEGABYTE
            raise TooLarge(f"This file is larger than {most:g} MB: split it, or leave it out.")
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableFile(DENIED) from error
    if not data:
        raise UnreadableFile(EMPTY)
    return data
