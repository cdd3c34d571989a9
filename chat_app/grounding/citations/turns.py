"""Words that turn a sentence round: opposites, and denials. Two texts that use them alike say the same way.

It looks at the few words that stand beside each of them in its clause; of grammar it knows nothing more.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from chat_app.grounding.citations.words import is_alike, known

BESIDE = 3  # words looked at on either side of an opposite
BEHIND, AHEAD = 2, 3  # words looked at before and after a denial
HELD = 0.6  # of the words of a denial, from which on the other text speaks of the same thing

CLAUSE = re.compile(
    r"[;:,()]|\b(?:but|while|whereas|although|though|however|unless|because|which|and)\b|[.!?]\s"
)


@dataclass(frozen=True)
class Spot:
    """A turning word as it is compared, and the words beside it in its clause."""

    words: frozenset[str]
    beside: frozenset[str]


@dataclass(frozen=True)
class Denial:
    """The words that are denied, and all that stand beside the denial; in its clause."""

    scope: frozenset[str]
    around: frozenset[str]

    def is_of(self, other: Denial) -> bool:
        """Whether both deny one word."""
        return any(is_alike(word, each) for word in self.scope for each in other.scope)


class Turns:
    """The opposites and denials of one text."""

    def __init__(self, text: str) -> None:
        self._text = text.lower().replace("’", "'")  # noqa: RUF001
        words = known().words(self._text)
        self._words, self._starts = [word for word, _ in words], [at for _, at in words]
        self._edges = [0, *(match.start() for match in CLAUSE.finditer(self._text)), len(self._text) + 1]
        self._poles = self._found()
        self._denials = list(self._denied())

    def agrees(self, claim: Turns) -> bool:
        """Whether this text turns and denies as the claim does, where both speak of the same words."""
        turned = (
            _nearest(spot, self._poles.get(pole ^ 1, ())) > _nearest(spot, self._poles.get(pole, ()))
            for pole, spots in claim._poles.items()
            for spot in spots
        )
        return not any(turned) and not _is_denied(claim, self) and not _is_denied(self, claim)

    def shared(self, claim: Turns) -> frozenset[str]:
        """The claim's opposites that this text has too, in whatever words."""
        spots = (spot for pole in claim._poles.keys() & self._poles.keys() for spot in claim._poles[pole])
        return frozenset(word for spot in spots for word in spot.words)

    def _found(self) -> dict[int, list[Spot]]:
        """The spots of each pole that the text has; the pole opposite to it has the other last bit."""
        found: dict[int, list[Spot]] = {}
        for pole, start, end in known().turning(self._text):
            found.setdefault(pole, []).append(self._spot(start, end, BESIDE, BESIDE))
        return found

    def _denied(self) -> Iterator[Denial]:
        masked = known().no_denial.sub(lambda match: "~" * len(match.group()), self._text)
        for match in known().denial.finditer(masked):
            scope = self._spot(*match.span(), 0, AHEAD).beside
            around = self._spot(*match.span(), BEHIND, AHEAD).beside
            yield Denial(scope or around, around)

    def _spot(self, start: int, end: int, behind: int, ahead: int) -> Spot:
        edge = bisect_left(self._edges, start + 1)
        first, last = (bisect_left(self._starts, each) for each in self._edges[edge - 1 : edge + 1])
        here, past = bisect_left(self._starts, start), bisect_left(self._starts, end)
        before = self._words[max(first, here - behind) : here]
        after = self._words[past : min(last, past + ahead)]
        return Spot(frozenset(self._words[here:past]), frozenset((*before, *after)))


def _nearest(spot: Spot, others: Collection[Spot]) -> int:
    """How many words stand beside it and beside one of the others, at the most; -1 where there is none."""
    return max((len(spot.beside & each.beside) for each in others), default=-1)


def _is_denied(one: Turns, other: Turns) -> bool:
    """Whether the first denies words that the second has and does not deny."""
    held = frozenset(other._words)
    return any(
        denial.around
        and len(denial.around & held) >= HELD * len(denial.around)
        and not any(denial.is_of(each) for each in other._denials)
        for denial in one._denials
    )
