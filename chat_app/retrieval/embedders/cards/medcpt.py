"""MedCPT: one encoder for articles and one for questions, trained on PubMed's search logs."""

from __future__ import annotations

from chat_app.retrieval.embedders.cards import Card

CARD = Card(
    name="medcpt",
    licence="public domain (United States government work)",
    about=(
        "Trained on 255 million questions to PubMed and the articles that were opened, by inner product and "
        "with title and abstract as a pair; here vectors have length 1 and a passage is one text."
    ),
    passages="ncbi/MedCPT-Article-Encoder",
    questions="ncbi/MedCPT-Query-Encoder",
    pooling="cls",
    sources=(
        "Jin et al., MedCPT, Bioinformatics 39(11):btad651, 2023",
        "its pages on the hub, as others retell them: licence, 512 tokens of an article, first token",
    ),
)
