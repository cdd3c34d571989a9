"""How text becomes the words that are searched and compared: lower case, letters and digits, singular.

One rule for passages, questions and answers. Plurals go by Harman's S-stemmer (How effective is suffixing?,
JASIS 1991); docs/retrieval.md says what it was measured to be worth. Words without a subject are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

WORD = re.compile(r"[^\W_]+")
SUBJECTLESS = frozenset({
    "a", "about", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by", "can", "could", "did",
    "do", "does", "for", "from", "had", "has", "have", "how", "i", "if", "in", "into", "is", "it", "its",
    "me", "my", "of", "on", "or", "our", "should", "so", "than", "that", "the", "their", "them", "then",
    "there", "these", "they", "this", "those", "to", "was", "we", "were", "what", "when", "where",
    "which", "who", "whom", "whose", "why", "will", "with", "would", "you", "your",
})  # fmt: skip


def tokens(text: str) -> list[str]:
    """The searched words of a text, in order."""
    return [word for word, _ in placed(text)]


def placed(text: str) -> Iterator[tuple[str, int]]:
    """The same, each with where it starts."""
    for match in WORD.finditer(text.lower()):
        if match.group() not in SUBJECTLESS:
            yield _singular(match.group()), match.start()


@cache
def _singular(word: str) -> str:
    if word.endswith("ies") and not word.endswith(("eies", "aies")) and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("es") and not word.endswith(("aes", "ees", "oes")) and len(word) > 4:
        return word[:-1]
    if word.endswith("s") and not word.endswith(("us", "ss")) and len(word) > 3:
        return word[:-1]
    return word
