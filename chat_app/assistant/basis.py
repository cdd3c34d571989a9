"""What of a person's own documents an answer is given to read, and what it then makes of it.

Passages are somebody's text: they go to the model as quoted data behind everything that was said before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from chat_app import prompts
from chat_app.grounding import citations, statements, trust
from chat_app.records import Answer, Citation, Conversation, Passage, Source, Statement
from chat_app.settings import Settings

PROMPT = "passages"
NOTHING = "No basis was found in the documents: the answer rests on the pictures and the model alone."
MOST = 4
# How much of a model's context passages may fill: more would push the conversation out of it.
SHARE = 0.25


@dataclass(frozen=True)
class Basis:
    """What was found in some corpora for one question; no passage means that no basis was found."""

    question: str
    corpora: tuple[str, ...] = ()
    passages: tuple[Passage, ...] = ()

    @property
    def asked(self) -> str:
        """The question as a model reads it: after the passages, if there are any."""
        if not self.passages:
            return self.question
        quoted = "\n\n".join(_quoted(number, each) for number, each in enumerate(self.passages, 1))
        return prompts.render(PROMPT, passages=quoted, question=self.question)

    def fitting(self, count: Callable[[str], int], context: int) -> Basis:
        """With as many of the best passages as a model of that context, in tokens, has room for."""
        kept = self
        while kept.passages and count(kept.asked) - count(self.question) > SHARE * context:
            kept = replace(kept, passages=kept.passages[:-1])
        return kept


def found(
    question: str,
    conversation: Conversation,
    corpora: Sequence[str],
    settings: Settings,
) -> Basis:
    """What the named corpora hold for the question; nothing of retrieval is loaded when none is named.

    Raises:
        InputError: a corpus is not there.
        SetupError: the extra "retrieval" is not installed, or an index is damaged.
    """
    if not corpora:
        return Basis(question)
    from chat_app.retrieval import query, search

    chosen = search.search(query.built(question, conversation), corpora, settings, MOST)
    return Basis(question, tuple(corpora), tuple(each.passage for each in chosen))


def resting(answer: Answer, basis: Basis, *, unread: bool, bare: str) -> Answer:
    """The answer with what was found for it; its citations are checked, and what they lack is said.

    unread: the model was not given the passages. bare: what it says without them, "" where it was not asked.
    """
    if not basis.corpora:
        return answer
    checked = [() if unread else citations.checked(each.text, basis.passages) for each in answer.statements]
    pairs = zip(answer.statements, checked, strict=True)
    every = tuple(each for own in checked for each in own)
    differs = trust.differences(answer.text, bare)
    added = (*_warnings(basis, every), *_otherwise(differs, bare))
    return replace(
        answer,
        corpora=basis.corpora,
        passages=basis.passages,
        statements=tuple(_borne(each, own, basis.passages) for each, own in pairs),
        citations=every,
        unread=unread,
        without=bare if differs else "",
        warnings=tuple(dict.fromkeys((*answer.warnings, *added))),
    )


def _warnings(basis: Basis, checked: Sequence[Citation]) -> Iterator[str]:
    """What the reader must know about the passages."""
    if not basis.passages:
        yield NOTHING
    for each in checked:
        if not each.passage:
            yield f"The answer cites a passage P{each.number} that it was not given."
        elif not each.is_supported:
            yield f"Passage P{each.number} was not found to say: {each.sentence}"


def _otherwise(differs: Sequence[str], bare: str) -> Iterator[str]:
    if differs:
        yield f"Without the passages the model says otherwise ({statements.listed(differs)}): {bare}"


def _quoted(number: int, passage: Passage) -> str:
    """No line of a passage can pass for the end of it, or for another one: each is marked."""
    lines = (f"[P{number}] {passage.place}", *passage.text.splitlines())
    return "\n".join(f"| {line}" for line in lines)


def _borne(statement: Statement, own: Sequence[Citation], passages: Sequence[Passage]) -> Statement:
    numbers = dict.fromkeys(each.number for each in own if each.is_supported)
    if not numbers:
        return statement
    said = "; ".join(f"passage P{number} ({passages[number - 1].place})" for number in numbers)
    if statement.boxes:
        return replace(statement, basis=f"{statement.basis}; {said}")
    return replace(statement, source=Source.RETRIEVED, basis=said)
