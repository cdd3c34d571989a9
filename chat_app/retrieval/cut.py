"""Blocks become passages of 120 to 200 words that end where a sentence ends and never cross a heading.

Shorter ones are the ends of sections. A sentence of more than 200 words, as in tables, is cut between words.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from chat_app.grounding import statements
from chat_app.records import Passage
from chat_app.retrieval.blocks import Block, shown
from chat_app.retrieval.scrub import scrubbed

LEAST, MOST = 120, 200  # words
LONGEST = 300  # characters of a title, a path of headings, a source, a licence
BELOW = " > "


@dataclass(frozen=True)
class _Sentence:
    text: str
    words: int
    page: int


def passages(blocks: Iterable[Block], source: str) -> Iterator[Passage]:
    """The passages of one document, identifiers scrubbed.

    source: what the document is called; a block that states a source or title of its own keeps it.
    """
    number = 0
    for _, group in groupby(blocks, key=_place):
        found = list(group)
        for sentences in _cut(list(_sentences(found))):
            yield _passage(sentences, found[0], source, number)
            number += 1


def _place(block: Block) -> tuple[object, ...]:
    return block.section, block.title, block.source, block.licence


def _sentences(blocks: Iterable[Block]) -> Iterator[_Sentence]:
    for block in blocks:
        for sentence in statements.sentences(scrubbed(shown(block.text))):
            words = sentence.split()
            for part in (words[at : at + MOST] for at in range(0, len(words), MOST)):
                yield _Sentence(" ".join(part), len(part), block.page)


def _cut(sentences: Iterable[_Sentence]) -> list[list[_Sentence]]:
    found: list[list[_Sentence]] = []
    for sentence in sentences:
        held = sum(each.words for each in found[-1]) if found else MOST
        if held >= LEAST or held + sentence.words > MOST:
            found.append([])
        found[-1].append(sentence)
    return _with_end(found)


def _with_end(found: list[list[_Sentence]]) -> list[list[_Sentence]]:
    """A short end joins what stands before it, where both fit."""
    if len(found) > 1 and sum(each.words for part in found[-2:] for each in part) <= MOST:
        found[-2:] = [found[-2] + found[-1]]
    return found


def _passage(sentences: list[_Sentence], block: Block, source: str, number: int) -> Passage:
    text, page = " ".join(each.text for each in sentences), sentences[0].page
    source = _label(block.source or source)
    title, section = _label(block.title) or source, _label(BELOW.join(block.section))
    licence = _label(block.licence)
    place = json.dumps((text, title, section, page, source, licence, number))
    identity = hashlib.sha256(place.encode()).hexdigest()[:16]
    return Passage(identity, text, title, section, page, source, licence)


def _label(text: str) -> str:
    return scrubbed(shown(text)[:LONGEST])
