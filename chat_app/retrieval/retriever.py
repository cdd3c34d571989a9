"""The search as a LangChain retriever, so that it can stand in any chain."""

from __future__ import annotations

from dataclasses import asdict
from typing import Protocol, runtime_checkable

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from chat_app.retrieval.search import Found


@runtime_checkable
class Searches(Protocol):
    """A Searcher, or whatever stands where one does, such as a StoreSearcher."""

    def search(self, query: str, most: int = 5) -> tuple[Found, ...]: ...


class PassageRetriever(BaseRetriever):
    """Gives the passages a question rests on as documents: their text, the rest and the score as metadata.

    No document means that no basis was found.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    searcher: Searches
    most: int = 5

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        return [document(found) for found in self.searcher.search(query, self.most)]


def document(found: Found) -> Document:
    fields = asdict(found.passage)
    identity, text = fields.pop("id"), fields.pop("text")
    metadata = {**fields, "score": found.score, "share": found.share}
    return Document(id=identity, page_content=text, metadata=metadata)
