"""all-MiniLM-L6-v2: a small general embedder without medical training."""

from __future__ import annotations

from chat_app.retrieval.embedders.cards import Card

CARD = Card(
    name="minilm",
    licence="Apache-2.0",
    about="Trained on a billion pairs of sentences from the web; reads 256 tokens, the rest is left out.",
    passages="sentence-transformers/all-MiniLM-L6-v2",
    questions="sentence-transformers/all-MiniLM-L6-v2",
    pooling="mean",
    sources=("huggingface.co/sentence-transformers/all-MiniLM-L6-v2: recalled, not checked",),
)
