"""Where an answer cites: "[P1]", "[P1, P3]" or "[P1][P3]", and which words each of them stands for.

"[1]" is the number of a box and cites nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from chat_app.grounding.statements import NUMBER, sentences
from chat_app.grounding.tokens import tokens

MARK = r"\[ ?[Pp] ?\d{1,3}(?: ?[,;] ?[Pp]? ?\d{1,3}){0,9} ?\]"
RUN = re.compile(rf"{MARK}(?:\s?{MARK})*+")
# Behind a full stop they belong to the sentence before, unless the next one goes on from them: "[P1] says".
BEHIND = re.compile(rf"([.!?])\s{{0,3}}({RUN.pattern})(?=\s*\Z|\s*\n|\s+[^\sa-z])")
# What a part begins with that is none of its words: the sign of a list, what joins it to the part before.
START = re.compile(r"^(?:(?:[-*•]|\d{1,2}[.)])\s|[,;:.)]|(?:and|but|while|whereas)\s|\s)+")
GAP = re.compile(r"\s+(?=[.,;:!?])")
LEAST = 2  # words of a part, with fewer the whole sentence is meant


def cited(text: str) -> Iterator[tuple[int, str]]:
    """Each number with the sentence that it stands in, or the part of it up to there after other numbers."""
    for sentence in sentences(BEHIND.sub(r" \2\1", text)):
        runs = list(RUN.finditer(sentence))
        pairs = ((number, part) for run, part in _parts(sentence, runs) for number in _numbers(run))
        yield from dict.fromkeys(pairs)


def _parts(sentence: str, runs: list[re.Match[str]]) -> Iterator[tuple[str, str]]:
    starts = [0, *(run.end() for run in runs[:-1])]
    ends = [*(run.start() for run in runs[:-1]), len(sentence)]
    for run, start, end in zip(runs, starts, ends, strict=False):
        part = _plain(sentence[start:end])
        yield run.group(), part if len(tokens(part)) >= LEAST else _plain(sentence)


def _numbers(run: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", run)]


def _plain(part: str) -> str:
    """Without numbers of passages and boxes, the sign of a list, and what joins it to the part before."""
    words = " ".join(NUMBER.sub(" ", RUN.sub(" ", part)).split())
    return START.sub("", GAP.sub("", words))
