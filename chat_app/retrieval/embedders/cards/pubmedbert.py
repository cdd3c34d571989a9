"""PubMedBERT Embeddings: PubMedBERT, taught to place titles of PubMed beside their abstracts."""

from __future__ import annotations

from chat_app.retrieval.embedders.cards import Card

CARD = Card(
    name="pubmedbert",
    licence="Apache-2.0",
    about="Trained by NeuML with sentence-transformers on pairs of title and abstract; reads 512 tokens.",
    passages="NeuML/pubmedbert-base-embeddings",
    questions="NeuML/pubmedbert-base-embeddings",
    pooling="mean",
    sources=("huggingface.co/NeuML/pubmedbert-base-embeddings (mean pooling; licence as others retell it)",),
)
