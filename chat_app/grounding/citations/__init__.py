"""Whether the passages that an answer cites say what it cites them for, by rules; no model is asked.

A citation is supported where one sentence of the passage, or two that stand side by side, hold enough of its
words, each thing it names, each number with its unit, and deny, turn and compare the same way. It knows words
and a few synonyms, not meanings: what is said in other words is "not found", and so is what only two passages
together say. A supported sentence may still be wrong, as where the same words are joined another way.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from chat_app.grounding.citations.marks import cited
from chat_app.grounding.citations.support import Reader
from chat_app.records import Citation, Passage

__all__ = ["MOST", "checked"]

MOST = 100  # citations of one answer


def checked(text: str, passages: Sequence[Passage]) -> tuple[Citation, ...]:
    """Every citation of the answer in order; "[P1]" cites passages[0]. Sentences that cite nothing give none.

    A number that no passage has is not supported. Citations after the first hundred are left out.
    """
    reader = Reader(passages)
    return tuple(
        _citation(number, sentence, passages, reader) for number, sentence in islice(cited(text), MOST)
    )


def _citation(number: int, sentence: str, passages: Sequence[Passage], reader: Reader) -> Citation:
    if not 1 <= number <= len(passages):
        return Citation(number, sentence, "", is_supported=False)
    is_supported, quote = reader.nearest(sentence, number - 1)
    return Citation(number, sentence, passages[number - 1].id, is_supported, quote)
