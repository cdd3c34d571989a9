"""Which words of a clause belong to which of its findings: those before it in its phrase, those after it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from chat_app.grounding.claims.mentions import Mention, Place, places
from chat_app.grounding.vocabulary import Structure

# Between two findings the words after the last of these belong to the second, those before it to the first.
_BOUND = re.compile(
    r"[,;:()]|\b(?:and|or|nor|with|without|versus|vs|is|are|was|were|has|have|may|might|could|"
    r"represent\w*|reflect\w*|due to|secondary to|from|consistent|compatible|in keeping|suggest\w*|"
    r"suspicious|concerning|likely|favou?r\w*|over|there|which|but|within|containing|causing|contains?|"
    r"no)\b"
)
# Findings joined by nothing else share what is said of one of them.
_JOINED = re.compile(
    r"^\s*(?:and|or|versus|vs\.?|but also|/|,)\s*(?:(?:an?|some|small|mild|moderate|tiny|trace|associated|"
    r"adjacent)\s+)*$"
)


@dataclass(frozen=True)
class Zone:
    """The words of one finding in a clause, and the structures that they name, the likeliest first.

    joined: the finding after it shares what is said.
    """

    before: str
    inside: str
    after: str
    structures: tuple[Structure, ...]
    joined: bool

    @property
    def words(self) -> str:
        return f"{self.before} {self.inside} {self.after}"


def zones(text: str, found: Sequence[Mention]) -> list[Zone]:
    """A zone for each of the mentions, which are in order."""
    spots = places(text)
    edges = [0, *(_edge(text, one, other) for one, other in pairwise(found)), len(text)]
    followers = [*found[1:], None]
    return [
        _zone(text, edge, mention, end, follower, spots)
        for edge, mention, end, follower in zip(edges, found, edges[1:], followers, strict=False)
    ]


def _zone(
    text: str, start: int, mention: Mention, end: int, follower: Mention | None, spots: Sequence[Place]
) -> Zone:
    start, end = min(start, mention.start), max(end, mention.end)
    before = [spot.structure for spot in spots if start <= spot.start < mention.end]
    after = [spot.structure for spot in spots if mention.end <= spot.start < end]
    return Zone(
        before=text[start : mention.start],
        inside=text[mention.start : mention.end],
        after=text[mention.end : end],
        structures=(*reversed(before), *after),
        joined=bool(follower and _JOINED.match(text[mention.end : follower.start])),
    )


def _edge(text: str, one: Mention, other: Mention) -> int:
    if other.start <= one.end:
        return other.start
    bounds = list(_BOUND.finditer(text, one.end, other.start))
    return bounds[-1].start() if bounds else one.end
