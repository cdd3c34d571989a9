"""How text becomes the words that are searched: lower case, letters and digits, plurals made singular.

One rule for passages and questions. Plurals go by Harman's S-stemmer (How effective is suffixing?, JASIS
1991); docs/retrieval.md says what it was measured to be worth. Words without a subject are not searched.
"""

from __future__ import annotations

import re
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
    return [_singular(word) for word in WORD.findall(text.lower()) if word not in SUBJECTLESS]


@cache
def _singular(word: str) -> str:
    if word.endswith("ies") and not word.endswith(("eies", "aies")) and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("es") and not word.endswith(("aes", "ees", "oes")) and len(word) > 4:
        return word[:-1]
    if word.endswith("s") and not word.endswith(("us", "ss")) and len(word) > 3:
        return word[:-1]
    return word
