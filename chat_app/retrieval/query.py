"""The words to search with: the question, what it leaves unsaid, and what its abbreviations stand for.

It adds words and takes none away: those of an earlier question, without what rules know as an identifier, and
those of abbreviations.toml. Nothing that a picture or its file says is among them. A name in the running text
of a question is not known to be one.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chat_app.grounding.tokens import tokens
from chat_app.records import Conversation
from chat_app.retrieval.scrub import scrubbed

FILE = Path(__file__).with_name("abbreviations.toml")
TAKEN_OUT = re.compile(r"\[(?:date|number|contact|name)\]")
SHORT = re.compile(r"(?<![\w-])[A-Za-z]{2,5}(?![\w-])")
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


@dataclass(frozen=True)
class Meaning:
    """What an abbreviation stands for where one of the words of `context` is near; without any, always."""

    long: str
    context: frozenset[str] = frozenset()


def built(question: str, conversation: Conversation) -> str:
    """The question with the words that are added, on one line."""
    spoken = " ".join((*question.split(), *_subject(question, conversation)))
    return " ".join((spoken, *expanded(spoken)))


def expanded(text: str) -> tuple[str, ...]:
    """The full names of the text's abbreviations; none of one whose meaning is not clear."""
    words = frozenset(tokens(text))
    found = (long for short in SHORT.findall(text) for long in _meanings(short, words))
    return tuple(dict.fromkeys(found))


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


def _meanings(short: str, words: frozenset[str]) -> tuple[str, ...]:
    """What it stands for among those words: one meaning, or none."""
    fitting = [each.long for each in _known().get(short, ()) if not each.context or each.context & words]
    return tuple(fitting) if len(fitting) == 1 else ()


@functools.cache
def _known() -> Mapping[str, tuple[Meaning, ...]]:
    """The meanings of each abbreviation, as it is written and, where that is no word, in small letters."""
    table = tomllib.loads(FILE.read_text(encoding="utf-8"))
    known = {short: (Meaning(long),) for short, long in table["unambiguous"].items()}
    for row in table["ambiguous"]:
        meaning = Meaning(row["long"], frozenset(row["context"]))
        known[row["short"]] = (*known.get(row["short"], ()), meaning)
    small = {short.lower(): each for short, each in known.items() if short not in table["capitals"]}
    return known | small
