"""What a document is made of before it is cut: pieces of text that stand under one heading."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

Heading = tuple[int, str]
# What moves a terminal's cursor or turns the direction of reading, and halves of characters.
UNSHOWN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True)
class Block:
    """A piece of text without a heading in it; lines are paragraphs.

    section: the headings above it, outermost first. page: from 1, 0 for none. title, source, licence: as the
    document states them, "" where it does not.
    """

    text: str
    section: tuple[str, ...] = ()
    page: int = 0
    title: str = ""
    source: str = ""
    licence: str = ""


def under(path: Sequence[Heading], heading: Heading) -> tuple[Heading, ...]:
    """The path of headings once this one is met: it ends what stood under its own level or a lower one."""
    level, _ = heading
    return (*(above for above in path if above[0] < level), heading)


def named(path: Sequence[Heading]) -> tuple[str, ...]:
    return tuple(words for _, words in path)


def line(text: str) -> str:
    """The text on one line, white space made single."""
    return " ".join(text.split())


def shown(text: str) -> str:
    """The text's lines that say something, white space made single, without what a reader would not see."""
    return "\n".join(filter(None, map(line, UNSHOWN.sub(" ", text).split("\n"))))
