"""Words that turn a sentence round: opposites, and denials. Two texts that use them alike say the same way.

It looks at the few words that stand beside each of them in its clause; of grammar it knows nothing more.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from chat_app.grounding.citations.words import known

BESIDE = 3  # words looked at on either side of an opposite
BEHIND, AHEAD = 2, 3  # words looked at before and after a denial
HELD = 0.6  # of the words of a denial, from which on the other text speaks of the same thing

CLAUSE = re.compile(r"[;:,()]|\b(?:but|while|whereas|although|though|however|unless|because|which)\b|[.!?]\s")


@dataclass(frozen=True)
class Spot:
    """A turning word in its place: the word as written, and those before and after it in its clause."""

    said: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def beside(self) -> frozenset[str]:
        return frozenset((*self.before, *self.after))


class Turns:
    """The opposites and denials of one text."""

    def __init__(self, text: str) -> None:
        self._text = text.lower().replace("’", "'")  # noqa: RUF001
        words = known().words(self._text)
        self._words, self._starts = [word for word, _ in words], [at for _, at in words]
        self._edges = [0, *(match.start() for match in CLAUSE.finditer(self._text)), len(self._text) + 1]
        self._sides = [(self._found(one), self._found(other)) for one, other in known().opposites]
        self._denials = list(self._denied())

    def agrees(self, claim: Turns) -> bool:
        """Whether this text turns and denies as the claim does, where both speak of the same words."""
        turned = (
            _is_turned(mine, theirs) or _is_turned(mine[::-1], theirs[::-1])
            for mine, theirs in zip(self._sides, claim._sides, strict=True)
        )
        return not any(turned) and not _is_denied(claim, self) and not _is_denied(self, claim)

    def shared(self, claim: Turns) -> Iterator[str]:
        """The claim's opposites that this text has too, in whatever words."""
        for mine, theirs in zip(self._sides, claim._sides, strict=True):
            yield from (spot.said for one, other in zip(mine, theirs, strict=True) if one for spot in other)

    def _found(self, pattern: re.Pattern[str]) -> list[Spot]:
        return [self._spot(match, BESIDE, BESIDE) for match in pattern.finditer(self._text)]

    def _denied(self) -> Iterator[frozenset[str]]:
        masked = known().no_denial.sub(lambda match: "~" * len(match.group()), self._text)
        for match in known().denial.finditer(masked):
            yield self._spot(match, BEHIND, AHEAD).beside

    def _spot(self, match: re.Match[str], behind: int, ahead: int) -> Spot:
        edge = bisect_left(self._edges, match.start() + 1)
        first, last = (bisect_left(self._starts, each) for each in self._edges[edge - 1 : edge + 1])
        here, past = bisect_left(self._starts, match.start()), bisect_left(self._starts, match.end())
        before = self._words[max(first, here - behind) : here]
        return Spot(match.group(), tuple(before), tuple(self._words[past : min(last, past + ahead)]))


Sides = tuple[list[Spot], list[Spot]]


def _is_turned(mine: Sides, claimed: Sides) -> bool:
    """Whether what the claim has at the first pole stands here at the second."""
    (same, opposite), (wanted, _) = mine, claimed
    return any(_nearest(spot, opposite) > _nearest(spot, same) for spot in wanted)


def _nearest(spot: Spot, others: Collection[Spot]) -> int:
    """How many words stand beside it and beside one of the others, at the most; -1 where there is none."""
    return max((len(spot.beside & each.beside) for each in others), default=-1)


def _is_denied(one: Turns, other: Turns) -> bool:
    """Whether the first denies words that the second has and does not deny."""
    held = frozenset(other._words)
    return any(
        words and len(words & held) >= HELD * len(words) and not any(words & each for each in other._denials)
        for words in one._denials
    )
