"""lightbox index, lightbox search: a person's own documents, made searchable and searched."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from chat_app import settings
from chat_app.errors import InputError

if TYPE_CHECKING:
    from chat_app.retrieval.index import Indexed
    from chat_app.retrieval.search import Found

NAMELESS = "Say which corpus is meant: pass --name."
BOTH = "Either a folder is indexed or something is deleted: leave one of the two out."
STORES = "Vector stores are not changed until passages are put there again: "
FEW = "The number of passages is 1 or more: give another."


def index(options: argparse.Namespace) -> int:
    """Indexes, deletes, or lists what is indexed; a document that was refused is said and is no failure."""
    is_deleting = options.delete or options.delete_document
    if not (options.folder or is_deleting or options.name):
        return _list()
    if not options.name:
        raise InputError(NAMELESS)
    if is_deleting and options.folder:
        raise InputError(BOTH)
    return _delete(options) if is_deleting else _bring(options)


def _bring(options: argparse.Namespace) -> int:
    from chat_app import audit
    from chat_app.retrieval import index as indexing

    if not options.folder:
        raise InputError(indexing.NOWHERE)
    chosen = settings.load({"embedder": options.embedder})
    record = audit.open(chosen)
    record.check()  # whoever may not record may not index
    done = indexing.index(options.folder, options.name, chosen)
    record.record(audit.changed(audit.Action.INDEXED, options.name, done.documents, done.passages))
    for sentence in done.refused:
        print(f"lightbox: {sentence}", file=sys.stderr)
    print(_done(done))
    return 0


def _done(done: Indexed) -> str:
    unread = f"; {done.unread} files are of kinds that are not read" if done.unread else ""
    return (
        f"{done.documents} documents, {done.passages} passages: {done.added} read, "
        f"{done.unchanged} unchanged, {done.removed} removed, {len(done.refused)} refused{unread}."
    )


def _delete(options: argparse.Namespace) -> int:
    from chat_app import audit
    from chat_app.retrieval import corpus, stores

    chosen = settings.load()
    record = audit.open(chosen)
    record.check()
    if options.delete:
        gone = corpus.delete(chosen, options.name)
    else:
        gone = corpus.delete_document(chosen, options.name, options.delete_document)
    passages = sum(head.passages for head in gone)
    record.record(audit.changed(audit.Action.DELETED, options.name, len(gone), passages))
    print("The corpus is deleted." if options.delete else "The document is deleted.")
    if kept := stores.names(chosen):
        print(f"{STORES}{', '.join(kept)}.")
    return 0


def _list() -> int:
    from chat_app.retrieval import corpora, corpus

    chosen = settings.load()
    for name in corpora(chosen):
        heads = corpus.existing(chosen, name).heads().values()
        print(f"{name:20} {len(heads)} documents, {sum(head.passages for head in heads)} passages")
    return 0


def search(options: argparse.Namespace) -> int:
    """Prints the passages found, each with its place; 1 when there are none."""
    from chat_app.retrieval import corpora
    from chat_app.retrieval import search as searching

    if options.most < 1:
        raise InputError(FEW)
    chosen = settings.load({"embedder": options.embedder})
    found = searching.search(options.question, options.corpus or corpora(chosen), chosen, options.most)
    print("\n\n".join(_shown(number, each) for number, each in enumerate(found, 1)) or "No basis found.")
    return int(not found)


def _shown(number: int, found: Found) -> str:
    licence = f" ({found.passage.licence})" if found.passage.licence else ""
    return f"[{number}] {found.passage.place}{licence}  score {found.score:.3g}\n{found.passage.text}"
