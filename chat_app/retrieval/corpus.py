"""A named corpus on the disk: a folder with one file a document, each put there whole or not at all.

A document's file is its head, one line, then a passage a line. Its name is a hash of the document's, so no
document's name stands in a folder's listing. Nothing else says what a corpus holds: a kill leaves no half.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from chat_app import private
from chat_app.errors import InputError, SetupError
from chat_app.records import Passage
from chat_app.retrieval import CORPORA, FOLDER, corpora
from chat_app.settings import Settings

SEARCHES, VECTORS = "searches", "vectors"
LOCK, SETTLING = "lock", "searches.lock"
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
UNNAMED = "The name of a corpus or a store has small letters, digits and hyphens, 40 at most: choose another."
UNKNOWN = "No documents are indexed under that name: run lightbox index to see what is."
ABSENT = "No document of that name is in this corpus: give the name that it has in its folder."
BUSY = "Documents are being indexed at this moment: try again when that is done."
HURT = "The index of documents is damaged: delete the corpus and index its folder again."


@dataclass(frozen=True)
class Head:
    """What is known of an indexed document without reading it.

    sha256: of the file's bytes. rules: of reading and cutting it, by number. passages: how many it became.
    """

    sha256: str
    rules: int
    passages: int


@dataclass(frozen=True)
class Corpus:
    """The documents under one name; `folder` is theirs alone."""

    name: str
    folder: Path

    def heads(self) -> dict[str, Head]:
        """Every document's head by the key that `key` gives its name."""
        return {path.stem: _head(path) for path in self._files()}

    def put(self, key: str, sha256: str, rules: int, passages: Sequence[Passage]) -> None:
        """Keeps a document in place of what was kept under its key."""
        head = Head(sha256, rules, len(passages))
        self._forget_vectors(key)
        forms = (asdict(head), *map(asdict, passages))
        lines = (json.dumps(form, ensure_ascii=False) for form in forms)
        private.replace(self.folder / f"{key}.jsonl", "".join(f"{line}\n" for line in lines).encode())

    def remove(self, key: str) -> None:
        self._forget_vectors(key)
        (self.folder / f"{key}.jsonl").unlink(missing_ok=True)

    def lines(self) -> Iterator[bytes]:
        """Every passage as it is kept, a line of JSON each."""
        for path in self._files():
            yield from self.document(path.stem)

    def document(self, key: str) -> Iterator[bytes]:
        """The same of one document."""
        with (self.folder / f"{key}.jsonl").open("rb") as file:
            next(file)
            yield from file

    def vectors(self, key: str, embedder: str, part: int) -> Path:
        """Where an embedder's vectors of one part of a document lie; they go with the document."""
        return self.folder / VECTORS / key / f"{embedder}.{part:06}.npy"

    def sweep(self) -> None:
        """Deletes what a killed run left half written."""
        for left in self.folder.glob(".*"):
            left.unlink()

    def _forget_vectors(self, key: str) -> None:
        folder = self.folder / VECTORS / key
        if folder.is_dir():
            shutil.rmtree(folder)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("[!.]*.jsonl"))


def key(source: str) -> str:
    """What a document of that name is kept under."""
    return hashlib.sha256(source.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def passage(line: bytes) -> Passage:
    try:
        return Passage(**json.loads(line))
    except (ValueError, TypeError) as error:
        raise SetupError(HURT) from error


def searched(title: str, section: str, text: str) -> str:
    """What of a passage is searched: its title and section too, for a sentence rarely names its subject."""
    return f"{title} {section} {text}"


def existing(settings: Settings, name: str) -> Corpus:
    """Raises InputError when nothing is indexed under that name."""
    if name not in corpora(settings):
        raise InputError(UNKNOWN)
    return Corpus(name, settings.folder / FOLDER / CORPORA / name)


def made(settings: Settings, name: str) -> Corpus:
    """The corpus of that name, new where there was none; raises InputError for what is no name."""
    return Corpus(name, private.folder(root(settings) / CORPORA / checked(name)))


def checked(name: str) -> str:
    """The name as it is; raises InputError for what is none."""
    if not NAME.fullmatch(name):
        raise InputError(UNNAMED)
    return name


def root(settings: Settings) -> Path:
    private.folder(settings.folder)
    private.folder(settings.folder / FOLDER)
    private.folder(settings.folder / FOLDER / CORPORA)
    return settings.folder / FOLDER


def searches(settings: Settings) -> Path:
    """The folder of what is worked out for searching; all of it can be worked out again."""
    return private.folder(root(settings) / SEARCHES)


@contextmanager
def changing(settings: Settings) -> Iterator[None]:
    """Nobody else changes a corpus meanwhile.

    Raises:
        InputError: somebody else does.
    """
    with private.alone(root(settings) / LOCK, BUSY):
        yield


def forget_searches(settings: Settings) -> None:
    """Before a document changes and after: nothing worked out from it may outlive it."""
    with settling(settings):
        # A search that is being worked out takes away what it still writes, for the state is another.
        shutil.rmtree(searches(settings), ignore_errors=True)
        if list((settings.folder / FOLDER / SEARCHES).glob("[!.]*")):
            raise SetupError(private.UNWRITABLE)


def settling(settings: Settings) -> FileLock:
    """Held for the moment in which what was worked out for searching is put in its place, or forgotten."""
    return FileLock(root(settings) / SETTLING)


def delete(settings: Settings, name: str) -> tuple[Head, ...]:
    """Deletes a corpus and gives its heads; InputError when it is not there, or others are at work."""
    with changing(settings):
        corpus = existing(settings, name)
        heads = corpus.heads()
        forget_searches(settings)
        shutil.rmtree(corpus.folder)
        forget_searches(settings)
        return tuple(heads.values())


def delete_document(settings: Settings, name: str, source: str) -> tuple[Head, ...]:
    """Deletes one document and gives its head; InputError when it is not there, or others are at work."""
    with changing(settings):
        corpus = existing(settings, name)
        heads = corpus.heads()
        if key(source) not in heads:
            raise InputError(ABSENT)
        forget_searches(settings)
        corpus.sweep()
        corpus.remove(key(source))
        forget_searches(settings)
        return (heads[key(source)],)


def state(corpora: Iterable[Corpus]) -> str:
    """A hash that changes whenever a document of these corpora does."""
    held = [(corpus.name, key, asdict(head)) for corpus in corpora for key, head in corpus.heads().items()]
    return hashlib.sha256(json.dumps(held).encode()).hexdigest()[:32]


def _head(path: Path) -> Head:
    try:
        with path.open("rb") as file:
            return Head(**json.loads(file.readline()))
    except (OSError, ValueError, TypeError) as error:
        raise SetupError(HURT) from error
