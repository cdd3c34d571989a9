"""Finds the sentences of a passage that come nearest to a claim, and whether they bear it out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from functools import cached_property
from itertools import pairwise

from chat_app.grounding.citations.said import Said
from chat_app.grounding.citations.words import is_alike, known
from chat_app.grounding.claims import LONGEST
from chat_app.grounding.statements import spans
from chat_app.records import Passage

FLOOR = 0.7  # of the weight of what is claimed, that the passage's words must hold
QUOTED = 0.3  # of it, from which on the nearest words are worth showing
PLAIN_WEIGHT = 0.25  # of a word that says little by itself, as a share of what it would weigh
NEAREST = 4  # places of a passage that are looked at closely
MOST_SENTENCES = 100  # of one passage


class Reader:
    """Passages, read once for all that is cited from them."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._read = [_Read(passage) for passage in passages]

    def nearest(self, sentence: str, row: int) -> tuple[bool, str]:
        """Whether that passage bears the sentence out, and its words that come nearest."""
        claim, passage = Said(sentence[:LONGEST]), self._read[row]
        weights = {word: self._weight(word) for word in claim.words}
        total = sum(weights.values())
        if not total or len(sentence) > LONGEST:
            return False, ""
        best = passage.nearest(weights)
        for _, window in best:
            if _bears(window, passage.head, claim, weights):
                return True, window.text
        return False, next((window.text for share, window in best[:1] if share >= QUOTED * total), "")

    @cached_property
    def _rarity(self) -> tuple[int, Counter[str]]:
        """How many sentences all passages have, and in how many each word stands."""
        rows = [row.words for each in self._read for row in each.sentences]
        return len(rows), Counter(word for words in rows for word in words)

    def _weight(self, word: str) -> float:
        """By its rarity as in BM25, blunted by one; of a word that says little by itself a part."""
        rows, times = self._rarity
        weight = 1 + math.log(1 + (rows - times[word] + 0.5) / (times[word] + 0.5))
        return weight * PLAIN_WEIGHT if known().is_plain(word) else weight


class _Read:
    """The sentences of one passage and what stands above it: a sentence rarely names its subject."""

    def __init__(self, passage: Passage) -> None:
        edges = list(spans(passage.text))[:MOST_SENTENCES]
        self.head = Said(f"{passage.title}. {passage.section}")
        pairs = [(start, end) for (start, _), (_, end) in pairwise(edges)]
        self.sentences = [_window(passage.text, *edge) for edge in edges]
        self._windows = [*self.sentences, *(_window(passage.text, *edge) for edge in pairs)]

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(self.head.words.union(*(each.words for each in self.sentences)))

    def nearest(self, weights: Mapping[str, float]) -> list[tuple[float, Said]]:
        """The sentences, alone or with the one after, that hold the most of those words, with how much."""
        forms = {word: {other for other in self._words if is_alike(word, other)} for word in weights}
        found = [(self._held(window, forms, weights), window) for window in self._windows]
        return sorted(found, key=lambda each: (-each[0], len(each[1].text)))[:NEAREST]

    def _held(self, window: Said, forms: Mapping[str, Set[str]], weights: Mapping[str, float]) -> float:
        held = window.words | self.head.words
        return sum(weight for word, weight in weights.items() if forms[word] & held)


def _window(text: str, start: int, end: int) -> Said:
    """Those words of the text; of what is longer than sentences are, the beginning."""
    return Said(text[start : min(end, start + LONGEST)].strip())


def _bears(window: Said, head: Said, claim: Said, weights: Mapping[str, float]) -> bool:
    """Whether enough of the claim is there, all that it names and measures, and nothing turned round."""
    if not any(claim.amounts <= amounts | head.amounts for amounts in window.amounts_together):
        return False
    held, others = window.words | head.words, _in_other_words(window, head, claim)
    there = {word for word in claim.words if word in others or any(is_alike(word, each) for each in held)}
    return (
        sum(weights[word] for word in there) >= FLOOR * sum(weights.values())
        and claim.names <= held | others
        and all(words <= there for words in claim.named.values())
        and not _is_swapped(window, claim, there)
        and window.turns.agrees(claim.turns)
        and not any(
            (finding, not absent) in window.states for finding, absent in claim.states - window.states
        )
    )


def _is_swapped(window: Said, claim: Said, there: Set[str]) -> bool:
    """Whether between the same neighbours another word stands here, and neither is in the other text."""
    foreign = [each for each in claim.triples if each[1] in claim.words - there - known().plain]
    own = [each for each in window.triples if each[1] not in claim.words]
    return any(
        before in (first, "") and after in (last, "") and (before or after)
        for before, _, after in foreign
        for first, _, last in own
    )


def _in_other_words(window: Said, head: Said, claim: Said) -> frozenset[str]:
    """The words of the claim for which the window has others, as far as vocabulary and opposites know."""
    both = claim.named.keys() & (window.named.keys() | head.named.keys())
    return window.turns.shared(claim.turns).union(*(claim.named[name] for name in both))
