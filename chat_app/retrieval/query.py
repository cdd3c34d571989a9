"""The words to search with: the question, and what it leaves unsaid.

It adds words of an earlier question, without what rules know as an identifier, and takes none away. Nothing
that a picture or its file says is among them. A name in a question's running text is not known to be one.
"""

from __future__ import annotations

import re

from chat_app.grounding.tokens import tokens
from chat_app.records import Conversation
from chat_app.retrieval.scrub import scrubbed

TAKEN_OUT = re.compile(r"\[(?:date|number|contact|name)\]")
POINTING = re.compile(
    r"\b(?:it|its|this|that|these|those|they|them|their|he|she|one|ones|then)\b", re.IGNORECASE
)
FEW = 3  # words beside a pointing one, from which on a question has a subject of its own
# Words of which a question is made that has its subject elsewhere ("how big may it be?").
ASKING = frozenset({
    "again", "also", "bad", "big", "common", "dangerous", "else", "explain", "far", "few", "first", "give",
    "good", "large", "less", "long", "many", "may", "mean", "more", "much", "must", "need", "next", "no",
    "normal", "not", "often", "ok", "okay", "old", "other", "please", "same", "say", "serious", "show",
    "small", "soon", "sure", "tell", "thank", "way", "yes",
})  # fmt: skip


def built(question: str, conversation: Conversation) -> str:
    """The question with the words that are added, on one line."""
    return " ".join((*question.split(), *_subject(question, conversation)))


def _subject(question: str, conversation: Conversation) -> tuple[str, ...]:
    """The words that an earlier question is about, where this one points back or names nothing itself."""
    own = _named(question)
    if own and not (POINTING.search(question) and len(own) <= FEW):
        return ()
    asked = (TAKEN_OUT.sub(" ", scrubbed(turn.question)) for turn in reversed(conversation.turns))
    earlier = map(_named, asked)
    return next((words for words in earlier if words), ())


def _named(question: str) -> tuple[str, ...]:
    """Its words that say what it is about; numbers, which may be somebody's, are left out."""
    words = (word for word in tokens(question) if word not in ASKING and word.isalpha())
    return tuple(dict.fromkeys(words))
