"""Right and wrong sentences about passages, made of the passages' own sentences by rules.

Right ones are shortened, reworded by a short table, or two joined. Wrong ones have one fault each. The tables
are this benchmark's own. What is called wrong may now and then be true by chance, as where a passage says
both that something rises and that it falls.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from chat_app.grounding.statements import sentences
from chat_app.grounding.tokens import tokens
from chat_app.records import Passage
from chat_app.retrieval.blocks import Block
from chat_app.retrieval.cut import passages

QUESTIONS, BOOK = "medquad.jsonl", "openstax_anatomy_physiology_2e.jsonl"
ONE_IN = 12  # titles are used
SHORTEST, LONGEST = 8, 35  # words of a sentence that is used
LEAST = 4  # sentences of a passage that is used
REPEATED = 0.7  # of its words in one sentence of the cited passage: then it may be true there as well

REWORDED = {
    "usually": "typically", "people": "patients", "about": "approximately", "often": "frequently",
    "many": "numerous", "called": "known as", "may": "can", "is caused by": "results from",
    "doctor": "physician", "includes": "comprises", "include": "comprise", "such as": "like",
    "helps": "aids", "because": "since", "begins": "starts", "located": "situated", "allows": "enables",
    "requires": "needs", "consists of": "contains",
}  # fmt: skip
OPPOSITES = {
    "side": (
        ("left", "right"), ("upper", "lower"), ("anterior", "posterior"), ("medial", "lateral"),
        ("superior", "inferior"), ("proximal", "distal"), ("internal", "external"), ("inner", "outer"),
    ),
    "direction": (
        ("increases", "decreases"), ("increased", "decreased"), ("increase", "decrease"), ("more", "less"),
        ("high", "low"), ("higher", "lower"), ("before", "after"), ("above", "below"), ("larger", "smaller"),
        ("contracts", "relaxes"), ("acute", "chronic"), ("rare", "common"), ("benign", "malignant"),
        ("mild", "severe"), ("early", "late"), ("raises", "lowers"), ("rapidly", "slowly"),
    ),
}  # fmt: skip
UNITS = (
    ("years", "months"), ("months", "weeks"), ("weeks", "days"), ("days", "hours"), ("hours", "minutes"),
    ("minutes", "seconds"), ("mm", "cm"), ("cm", "mm"), ("mg", "g"), ("ml", "l"), ("grams", "kilograms"),
    ("inches", "feet"), ("milligrams", "grams"), ("mL", "L"), ("percent", "mg"),
)  # fmt: skip
ASIDE = re.compile(r"\s*\([^()]*\)|,\s(?:which|such as|because|including|although)\s[^.;]*(?=[.;])")
OPENING = re.compile(r"^(?:However|Therefore|Thus|In addition|For example|Also|Generally|Usually),\s")
VERB = re.compile(r"\b(is|are|can|may|was|were|does|do|should|will)\b(?! not)")
NUMBER = re.compile(r"(?<![\w.,-])\d{1,4}(?![\w.,-]*\d)")
NAME = re.compile(r"\b[a-z]{6,}\b")


@dataclass(frozen=True)
class Case:
    """A sentence cited for a passage. given: what the answer was given, the cited one first."""

    kind: str
    sentence: str
    given: tuple[Passage, ...]
    is_right: bool
    half: str
    made: str


@dataclass(frozen=True)
class Source:
    """A sentence of a passage, the one after it, and others: of the same subject, and of another."""

    text: str
    following: str
    passage: Passage
    sibling: Passage
    stranger: str
    rarity: Mapping[str, int]


def sources(data: Path, seed: int) -> Iterator[Source]:
    """One sentence of each passage that has a neighbour of the same title, in an order drawn by the seed."""
    drawn = random.Random(seed)
    rows = list(_passages(data))
    drawn.shuffle(rows)
    titled: dict[str, list[Passage]] = {}
    rarity: dict[str, int] = {}
    for passage in rows:
        titled.setdefault(passage.title, []).append(passage)
        for word in set(NAME.findall(passage.text.lower())):
            rarity[word] = rarity.get(word, 0) + 1
    for passage, other in pairwise(rows):
        siblings = [each for each in titled[passage.title] if each.text != passage.text]
        usable, strange = _usable(passage), _usable(other)
        if siblings and strange and len(usable) >= LEAST and other.title != passage.title:
            at = drawn.randrange(len(usable) - 1)
            stranger = drawn.choice(strange)
            yield Source(usable[at], usable[at + 1], passage, drawn.choice(siblings), stranger, rarity)


def _passages(data: Path) -> Iterator[Passage]:
    for name, text, title in ((QUESTIONS, "answer", "focus"), (BOOK, "text", "title")):
        for line in (data / name).read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row[text].strip() and _is_drawn(row[title]):
                yield from passages(
                    [Block(row[text], (row.get("section") or "",), title=row[title])], row["id"]
                )


def _is_drawn(title: str) -> bool:
    """One title in so many, by its hash."""
    return hashlib.sha256(title.encode()).digest()[0] % ONE_IN == 0


def _usable(passage: Passage) -> list[str]:
    found = sentences(passage.text)
    return [each for each in found if each[-1] == "." and SHORTEST <= len(each.split()) <= LONGEST]


def shortened(source: Source) -> str:
    return OPENING.sub("", ASIDE.sub("", source.text))


def reworded(source: Source) -> str:
    text = source.text
    for word, other in REWORDED.items():
        text = re.sub(rf"\b{word}\b", other, text)
    return text


def joined(source: Source) -> str:
    return f"{source.text.rstrip('.')}, and {_low(source.following)}"


def renumbered(source: Source) -> str:
    return NUMBER.sub(lambda match: str(int(match.group()) * 2 + 1), source.text, count=1)


def other_unit(source: Source) -> str:
    found = (re.sub(rf"(\d\s?|\d-){unit}\b", rf"\g<1>{other}", source.text, count=1) for unit, other in UNITS)
    return next((text for text in found if text != source.text), source.text)


def negated(source: Source) -> str:
    if " not " in source.text:
        return source.text.replace(" not ", " ", 1)
    return VERB.sub(r"\1 not", source.text, count=1)


def opposite(source: Source, kind: str) -> str:
    for one, other in OPPOSITES[kind]:
        for word, turned in ((one, other), (other, one)):
            if re.search(rf"\b{word}\b", source.text):
                return re.sub(rf"\b{word}\b", turned, source.text, count=1)
    return source.text


def swapped(source: Source) -> str:
    """Its rarest word of six letters or more gives way to the rarest of a passage on another subject."""
    mine, theirs = (_rarest(text, source.rarity) for text in (source.text, source.stranger))
    return re.sub(rf"\b{mine}\b", theirs, source.text) if mine and theirs else source.text


def invented(source: Source) -> str:
    """With a claim added that another subject's passage makes."""
    return f"{source.text.rstrip('.')}, and {_low(source.stranger)}"


def elsewhere(source: Source) -> str:
    """What another passage under the same title says."""
    held = [set(tokens(each)) for each in sentences(source.passage.text)]
    for text in _usable(source.sibling):
        words = set(tokens(text))
        if all(len(words & each) < REPEATED * len(words) for each in held):
            return text
    return source.text


RIGHT: dict[str, Callable[[Source], str]] = {
    "shortened": shortened,
    "reworded": reworded,
    "joined": joined,
}
WRONG: dict[str, Callable[[Source], str]] = {
    "number": renumbered,
    "unit": other_unit,
    "negated": negated,
    "side": lambda source: opposite(source, "side"),
    "direction": lambda source: opposite(source, "direction"),
    "swapped": swapped,
    "invented": invented,
    "elsewhere": elsewhere,
}


def cases(data: Path, most: int, half: Callable[[str], str], halves: Sequence[str]) -> Iterator[Case]:
    """At most so many of each kind in each half; the halves go by title."""
    left = {(kind, part): most for kind in (*RIGHT, *WRONG) for part in halves}
    for source in sources(data, seed=0):
        part = half(source.passage.title)
        wanted = [kind for kind in (*RIGHT, *WRONG) if left[kind, part]]
        made = ((kind, (RIGHT | WRONG)[kind](source)) for kind in wanted)
        kind, text = max(
            (pair for pair in made if pair[1] != source.text),
            key=lambda pair: left[pair[0], part],
            default=("", ""),
        )
        if kind:
            left[kind, part] -= 1
            yield Case(kind, text, (source.passage, source.sibling), kind in RIGHT, part, "generated")


def _rarest(text: str, rarity: Mapping[str, int]) -> str:
    return min(NAME.findall(text), key=lambda word: rarity.get(word, 0), default="")


def _low(text: str) -> str:
    return text[0].lower() + text[1:]
