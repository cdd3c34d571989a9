"""Where a clause names a finding: by its own words, by a quality of a structure, by one called normal."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chat_app.grounding.vocabulary import ABNORMALITY, Finding, Structure, known

# Possessive, so that a run of marks takes no longer than its length.
_WORD = r"\W++(?!(?:normal|unremarkable|clear|with|without|no|which)\b)\w[\w'-]*+"
_NORMAL = (
    r"(?:normal|unremarkable|clear(?! of)|within (?:the )?normal limits|intact|sharp|preserved|patent|"
    r"in the midline|midline|not remarkable)"
)
# "The lung shows normal markings" calls the markings normal, "shows normal signal" the lung.
_SHOWS_NORMAL = re.compile(
    rf"^\W+(?:shows?|demonstrates?|has|have) (?P<normal>{_NORMAL}) (?:signal|echo\w+|appearances?|size|"
    r"enhancement|attenuation|density|morphology|contours?|configuration|calib(?:re|er))\b"
)
_STOP = r"(?!,|\W+(?:shows?|demonstrates?|reveals?|(?:is|are) no)\b)"
_NORMAL_AFTER = re.compile(rf"^(?:{_STOP}{_WORD}){{0,7}}?\W+(?P<normal>{_NORMAL})\b")
_NORMAL_BEFORE = re.compile(
    rf"\b(?P<normal>{_NORMAL})\s+(?:(?:size|appearance|contours?|position|calib(?:re|er)|"
    r"configuration) of (?:the )?)?"
    r"(?:(?!and\b|with\b|but\b)[\w-]+\s+){0,2}$"
)
_ABNORMAL = re.compile(r"^\W+(?:is|are|appears?|looks?) (?:\w+ )?(?:abnormal|not normal)\b")
_NOT = re.compile(r"\b(?:not|never|n't|neither|nor)\b")
# A structure after one of these says where something is; it is not what is spoken of.
_PLACE = re.compile(
    r"\b(?:in|at|within|along|over|under|near|behind|beneath|into|through|above|below|from|on|to|for|"
    r"of)\s+(?:the\s+|both\s+|either\s+|left\s+|right\s+)*$"
)
_SAID_OF = re.compile(r"\s+(?:is|are|appears?|shows?)\s+(?:(?:mildly|markedly|slightly|moderately)\s+)?")
_AND = re.compile(r"^(?:,|,? and| or|/|\s)(?: (?:the|both|left|right|pulmonary|cerebral))*\s*$")


@dataclass(frozen=True)
class Mention:
    """A finding named in a clause. start, end: of its words. of: the structure that carries it, if any.

    denied: it is named by the absence of anything ("the lungs are clear").
    """

    finding: str
    start: int
    end: int
    of: str = ""
    denied: bool = False


@dataclass(frozen=True)
class Place:
    """A structure named in a clause."""

    structure: Structure
    start: int
    end: int


def places(text: str) -> list[Place]:
    """The structures that the clause names, in order, the longest words first where they overlap."""
    found = [
        Place(structure, *match.span())
        for structure in known().structures.values()
        for match in structure.pattern.finditer(text)
    ]
    taken: list[Place] = []
    for place in sorted(found, key=lambda each: (each.start - each.end, each.start)):
        if all(place.end <= other.start or other.end <= place.start for other in taken):
            taken.append(place)
    return sorted(taken, key=lambda each: each.start)


def mentions(text: str) -> list[Mention]:
    """The findings that the clause names, in order; of words within words only the longer ones count."""
    named = _longest(_named(text))
    spots = [spot for spot in places(text) if not any(_is_within(spot, each) for each in named)]
    qualified = [mention for spot in spots for mention in _qualified(text, spot)]
    done = {mention.of for mention in qualified}
    called = _called_normal(text, [spot for spot in spots if spot.structure.name not in done], named)
    special = [*qualified, *called]
    plain = [each for each in named if not any(_overlap(each, other) for other in special)]
    spoken = [each for each in plain if not _is_only_subject(text, each, named)]
    return sorted([*spoken, *special], key=lambda each: (each.start, each.end))


def _named(text: str) -> Iterator[Mention]:
    for finding in known().findings.values():
        for pattern in finding.patterns:
            for match in pattern.finditer(text):
                yield Mention(finding.name, *match.span())


def _longest(found: Iterator[Mention]) -> list[Mention]:
    taken: list[Mention] = []
    for mention in sorted(found, key=lambda each: (each.start - each.end, each.start)):
        if not any(_overlap(mention, other) for other in taken):
            taken.append(mention)
    return sorted(taken, key=lambda each: each.start)


def _overlap(one: Mention, other: Mention) -> bool:
    return one.start < other.end and other.start < one.end


def _is_within(spot: Place, mention: Mention) -> bool:
    """Whether the structure is only part of a finding's name: the pleura of a pleural effusion."""
    return mention.start <= spot.start and spot.end <= mention.end and mention.finding not in _cells()


@functools.cache
def _cells() -> frozenset[str]:
    """Findings that are called what the structure is called: the cells of a smear."""
    return frozenset(known().findings) & frozenset(known().structures)


def _is_only_subject(text: str, cell: Mention, named: Sequence[Mention]) -> bool:
    """Whether cells are named only to say what they are: "red cells are hypochromic"."""
    said = _SAID_OF.match(text, cell.end) if cell.finding in _cells() else None
    return bool(said and any(each.start == said.end() for each in named))


@functools.cache
def _qualities(structure: str) -> tuple[tuple[Finding, re.Pattern[str], re.Pattern[str]], ...]:
    """Each finding that is this structure with a quality, and the quality after it and before it."""
    return tuple(
        (
            finding,
            re.compile(rf"^(?:(?!,){_WORD}){{0,6}}?\W+(?:{finding.quality})\b"),
            re.compile(rf"\b(?:{finding.quality})\s+(?:of\s+)?(?:(?:the|left|right|both)\s+)*$"),
        )
        for finding in known().findings.values()
        if finding.of == structure
    )


def _qualified(text: str, spot: Place) -> Iterator[Mention]:
    for finding, after, before in _qualities(spot.structure.name):
        behind, ahead = before.search(text[: spot.start]), after.match(text[spot.end :])
        if behind:
            yield Mention(finding.name, behind.start(), spot.end, spot.structure.name)
        elif ahead and not _PLACE.search(text[: spot.start]):
            yield Mention(finding.name, spot.start, spot.end + ahead.end(), spot.structure.name)


def _called_normal(text: str, spots: Sequence[Place], named: Sequence[Mention]) -> Iterator[Mention]:
    before: Place | None = None
    for spot in spots:
        if _ABNORMAL.match(text[spot.end :]):
            yield Mention(ABNORMALITY, spot.start, spot.end, spot.structure.name)
        elif _is_normal(text, spot, named) or (before and _AND.match(text[before.end : spot.start])):
            before = spot
            yield Mention(spot.structure.normal, spot.start, spot.end, spot.structure.name, denied=True)
        else:
            before = None


def _is_normal(text: str, spot: Place, named: Sequence[Mention]) -> bool:
    if _NORMAL_BEFORE.search(text[: spot.start]):
        return not any(spot.end <= each.start <= spot.end + 1 for each in named)
    ahead = _SHOWS_NORMAL.match(text[spot.end :]) or _NORMAL_AFTER.match(text[spot.end :])
    if ahead is None or _PLACE.search(text[: spot.start]) or _NOT.search(ahead.group()):
        return False
    between = (spot.end, spot.end + ahead.start("normal"))
    others = (each for each in named if each.finding not in _cells())
    return not any(between[0] <= each.start < between[1] for each in others)
