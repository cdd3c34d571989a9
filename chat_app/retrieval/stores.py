"""Passages in a LangChain vector store of one's own: brought up to date with corpora, and searched there.

For more passages than files hold, or for a server that several machines share. The store and the model that
makes its vectors are built by whoever uses it; what they raise comes through as it is.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from langchain_core.documents import Document
from langchain_core.utils.iter import batch_iterate
from langchain_core.vectorstores import VectorStore
from tqdm import tqdm

from chat_app import private, retrieval
from chat_app.errors import SetupError
from chat_app.records import Passage
from chat_app.retrieval import corpus, search
from chat_app.retrieval.corpus import Corpus
from chat_app.retrieval.search import Found, chosen
from chat_app.settings import Settings

FOLDER = "stores"
BATCH = 256  # passages sent at once
FOREIGN = "This vector store holds what Lightbox did not put there: give it a collection of its own."


@dataclass(frozen=True)
class Put:
    """What a run did to a store: passages added, already there, and removed."""

    added: int
    unchanged: int
    removed: int


@dataclass(frozen=True)
class StoreSearcher:
    """Searches a store that `put` filled, and stands wherever a Searcher does.

    least: the relevance, as the store counts it from 0 to 1, below which a passage is no basis. It belongs to
    the store and to the model that makes its vectors, so there is no value that suits all.
    """

    store: VectorStore
    least: float

    def search(self, query: str, most: int = 5) -> tuple[Found, ...]:
        """As `Searcher.search`; a passage's score and share are both its relevance.

        Raises:
            BadQuestion: the question is empty or too long.
            SetupError: the store holds what `put` did not put there.
        """
        ranked = self.store.similarity_search_with_relevance_scores(search.checked(query), k=most)
        return chosen((Found(_passage(each), score, score) for each, score in ranked), self.least)


def put(store: VectorStore, name: str, corpora: Sequence[str], settings: Settings) -> Put:
    """Makes the store hold what these corpora hold, and nothing for none of them.

    name: of the store; the passages it was given are remembered under it, by id, so that those of a document
    that was deleted are deleted there at the next run. A run that was killed is completed by the next. What
    is there is not sent again.

    Raises:
        InputError: nothing is indexed under a name, the store's name is none, or others are at work.
    """
    ledger = _ledger(settings, name)
    with corpus.changing(settings):
        named = [corpus.existing(settings, each) for each in sorted(set(corpora))]
        wanted, given = {_key(each) for each in _passages(named)}, _given(ledger)
        # Known before they are sent: of whatever a killed run leaves there, the next one knows.
        _remember(ledger, wanted | given)
        for keys in batch_iterate(BATCH, given - wanted):
            store.delete(keys)
        batches = batch_iterate(BATCH, _passages(named))
        steps = math.ceil(len(wanted) / BATCH)
        shown = tqdm(batches, desc="putting", unit="batch", total=steps, disable=None, leave=False)
        added = sum(_add(store, batch) for batch in shown)
        _remember(ledger, wanted)
    return Put(added, len(wanted) - added, len(given - wanted))


def names(settings: Settings) -> tuple[str, ...]:
    """The stores that hold passages, sorted."""
    ledgers = (settings.folder / retrieval.FOLDER / FOLDER).glob("[!.]*")
    return tuple(sorted(path.name for path in ledgers if path.stat().st_size))


def _add(store: VectorStore, passages: Iterable[Passage]) -> int:
    """Sends those that are not there: an id is a hash of words and place, so what is there is the same."""
    documents = {each.id: _document(each) for each in passages}
    # Not every store says a document's own id again.
    there = {each.metadata["id"] for each in store.get_by_ids([str(each.id) for each in documents.values()])}
    missing = [document for passage, document in documents.items() if passage not in there]
    if missing:
        store.add_documents(missing, ids=[str(each.id) for each in missing])
    return len(missing)


def _passages(named: Iterable[Corpus]) -> Iterator[Passage]:
    return (corpus.passage(line) for each in named for line in each.lines())


def _key(passage: Passage) -> str:
    """The passage's id as a UUID, for Qdrant and pgvector take no other words."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, passage.id))


def _document(passage: Passage) -> Document:
    """Its vector is of title and section too: a sentence rarely names its subject."""
    metadata = asdict(passage)
    content = corpus.searched(passage.title, passage.section, metadata.pop("text"))
    return Document(id=_key(passage), page_content=content, metadata=metadata)


def _passage(document: Document) -> Passage:
    try:
        fields = {name: document.metadata[name] for name in Passage.__dataclass_fields__ if name != "text"}
    except KeyError as error:
        raise SetupError(FOREIGN) from error
    before = corpus.searched(fields["title"], fields["section"], "")
    return Passage(**fields, text=document.page_content.removeprefix(before))


def _ledger(settings: Settings, name: str) -> Path:
    """The file with the keys of what a store was given, a line each."""
    return private.folder(corpus.root(settings) / FOLDER) / corpus.checked(name)


def _given(ledger: Path) -> set[str]:
    return set(ledger.read_text("ascii").split()) if ledger.exists() else set()


def _remember(ledger: Path, keys: Iterable[str]) -> None:
    private.replace(ledger, "\n".join(sorted(keys)).encode())
