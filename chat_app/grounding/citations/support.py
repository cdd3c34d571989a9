"""Finds the sentences of a passage that come nearest to a claim, and whether they bear it out."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from chat_app.grounding.citations.quantities import Quantity, quantities
from chat_app.grounding.citations.turns import Turns
from chat_app.grounding.citations.words import known
from chat_app.grounding.claims import LONGEST, read
from chat_app.grounding.claims.mentions import mentions, places
from chat_app.grounding.statements import spans
from chat_app.records import Claim, Passage, Presence

# Chosen on the development half of the benchmark: see docs/retrieval.md.
FLOOR = 0.7  # of the weight of what is claimed, that the passage's words must hold
QUOTED = 0.3  # of it, from which on the nearest words are worth showing
MOST_SENTENCES = 100  # of one passage that are looked at
PLAIN_WEIGHT = 0.25  # of that of a word that says more

# Words that name: of digits, of capitals, or built as names of diseases, drugs and procedures are.
NAMING = re.compile(
    r"[a-z]*\d\w*|\w+(?:itis|oma|osis|emia|aemia|pathy|algia|ectomy|otomy|oscopy|ography|plasty|trophy|"
    r"rrhea|rrhoea|rrhage|cillin|mycin|cycline|olol|pril|sartan|statin|azole|mab|nib|vir|parin|caine|"
    r"dipine|zepam|oxacin|gliptin|glitazone|tidine|prazole|triptan|thyroidism|glycemia|tension|pnea|uria|"
    r"plegia|phagia|phasia|cyte|blast|ase|gen|ine|one)"
)
CAPITALS = re.compile(r"(?<=[\w,] )[A-Z][\w-]*[A-Za-z]|\b[A-Z]{2,6}\b")


@dataclass(frozen=True)
class Said:
    """One text, as far as it is compared."""

    text: str

    @cached_property
    def words(self) -> frozenset[str]:
        return _words(self.text)

    @cached_property
    def amounts(self) -> frozenset[Quantity]:
        return quantities(self.text)

    @cached_property
    def turns(self) -> Turns:
        return Turns(self.text)

    @cached_property
    def named(self) -> dict[str, frozenset[str]]:
        """The findings and structures of the vocabulary that it names, each with the words that name it."""
        low, found = self.text.lower()[:LONGEST], dict[str, frozenset[str]]()
        spots = [(each.finding, each.start, each.end) for each in mentions(low)]
        spots += [(each.structure.name, each.start, each.end) for each in places(low)]
        for name, start, end in spots:
            found[name] = found.get(name, frozenset()) | _words(low[start:end])
        return found

    @cached_property
    def claims(self) -> tuple[Claim, ...]:
        parts = (self.text[start:end] for start, end in spans(self.text))
        return tuple(claim for part in parts for claim in read(part.strip()))

    @cached_property
    def names(self) -> frozenset[str]:
        capitals = {word for match in CAPITALS.finditer(self.text) for word in _words(match.group())}
        return frozenset(word for word in self.words if word in capitals or NAMING.fullmatch(word))


class Reader:
    """Passages, read once for all that is cited from them."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._read = [_Read(passage) for passage in passages]

    @cached_property
    def _rarity(self) -> tuple[int, Counter[str]]:
        """How many sentences all passages have, and in how many each word stands."""
        rows = [row.words for each in self._read for row in each.sentences]
        return len(rows), Counter(word for words in rows for word in words)

    def nearest(self, sentence: str, row: int) -> tuple[bool, str]:
        """Whether that passage bears the sentence out, and its words that come nearest."""
        claim, passage = Said(sentence), self._read[row]
        weights = {word: self._weight(word) for word in claim.words}
        total = sum(weights.values())
        if not total or len(sentence) > LONGEST:
            return False, ""
        ranked = sorted(
            ((_share(claim, window, passage.head, weights) / total, window) for window in passage.windows()),
            key=lambda each: (-each[0], len(each[1].text)),
        )
        for share, window in ranked:
            if share >= FLOOR and _bears(window, passage.head, claim):
                return True, window.text
        return False, next((window.text for share, window in ranked[:1] if share >= QUOTED), "")

    def _weight(self, word: str) -> float:
        """As BM25 weighs it in Lucene; of a word that says little by itself a part."""
        rows, times = self._rarity
        weight = math.log(1 + (rows - times[word] + 0.5) / (times[word] + 0.5))
        return weight * PLAIN_WEIGHT if word in known().plain else weight


class _Read:
    """The sentences of one passage and what stands above it: a sentence rarely names its subject."""

    def __init__(self, passage: Passage) -> None:
        self._text = passage.text
        self._spans = list(spans(passage.text))[:MOST_SENTENCES]
        self.head = Said(f"{passage.title}. {passage.section}")

    @cached_property
    def sentences(self) -> list[Said]:
        return [self._said(start, end) for start, end in self._spans]

    def windows(self) -> Iterator[Said]:
        """Each sentence, and each with the one after it."""
        yield from self.sentences
        for (start, _), (_, end) in pairwise(self._spans):
            yield self._said(start, end)

    def _said(self, start: int, end: int) -> Said:
        return Said(self._text[start:end].strip())


def _share(claim: Said, window: Said, head: Said, weights: Mapping[str, float]) -> float:
    """The weight of those words of the claim that the window or its head hold."""
    held, named = window.words | head.words, _synonyms(claim, window, head)
    return sum(weights[word] for word in claim.words if word in named or _is_held(word, held))


def _bears(window: Said, head: Said, claim: Said) -> bool:
    """Whether nothing in the claim is missing that has to be there, and nothing is turned round."""
    held, synonyms = window.words | head.words, _synonyms(claim, window, head)
    missing = {word for words in claim.named.values() for word in words} | claim.names
    return (
        not missing - held - synonyms
        and claim.amounts <= window.amounts | head.amounts
        and window.turns.agrees(claim.turns)
        and not _is_contrary(window.claims, claim.claims)
    )


def _synonyms(claim: Said, window: Said, head: Said) -> set[str]:
    """The words of the claim for which the window has others, as far as vocabulary and opposites know."""
    both = claim.named.keys() & (window.named.keys() | head.named.keys())
    turning = (word for said in window.turns.shared(claim.turns) for word in _words(said))
    return {*turning, *(word for name in both for word in claim.named[name])}


def _is_held(word: str, held: Iterable[str]) -> bool:
    """The word itself, or one that only ends otherwise ("recommended", "recommendation")."""
    return word in held or any(_is_alike(word, other) for other in held)


def _is_alike(one: str, other: str) -> bool:
    shortest = min(len(one), len(other))
    stem = max(5, math.ceil(0.7 * shortest))
    return shortest >= stem and one[:stem] == other[:stem] and abs(len(one) - len(other)) <= 5


def _is_contrary(mine: Iterable[Claim], claimed: Sequence[Claim]) -> bool:
    """Whether a finding is there in one and not in the other."""
    states = {(each.finding, each.presence is Presence.ABSENT) for each in mine}
    return any(
        (each.finding, each.presence is not Presence.ABSENT) in states
        and (each.finding, each.presence is Presence.ABSENT) not in states
        for each in claimed
    )


def _words(text: str) -> frozenset[str]:
    return frozenset(word for word, _ in known().words(text))
