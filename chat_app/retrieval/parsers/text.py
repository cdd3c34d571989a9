"""Plain text: a short line alone between empty lines, without a full stop, is a heading."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chat_app.retrieval.blocks import Block, line
from chat_app.retrieval.decoding import decoded
from chat_app.retrieval.limits import Limits

ENDINGS = (".txt", ".text")
GAP = re.compile(r"\n\s*\n|\f")
LONGEST = 12  # words of a heading
ENDS = (".", "!", "?", ":", ";", ",")
UNDERLINE = re.compile(r"[-=_~*]{3,}")
LISTED = re.compile(r"\s*[-*•]\s")


def blocks(data: bytes, limits: Limits) -> Iterator[Block]:
    section: tuple[str, ...] = ()
    for part in GAP.split(decoded(data)):
        if _is_heading(part):
            section = (line(part.strip().splitlines()[0]),)
        elif part.strip():
            yield Block(_paragraph(part), section)


def _is_heading(part: str) -> bool:
    lines = part.strip().splitlines()
    if len(lines) == 2 and UNDERLINE.fullmatch(lines[1].strip()):
        lines.pop()
    if len(lines) != 1 or LISTED.match(lines[0]) or UNDERLINE.fullmatch(lines[0]):
        return False
    return len(lines[0].split()) <= LONGEST and not lines[0].endswith(ENDS)


def _paragraph(part: str) -> str:
    """Lines that were broken for their length are joined; those of a list stay apart."""
    joined = ""
    for each in part.splitlines():
        joined += ("\n" if LISTED.match(each) else " ") + each.strip()
    return joined.strip()
