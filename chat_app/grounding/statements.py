"""A text as statements: one sentence each, with what it rests on.

It knows who spoke because the caller says so; whether a sentence is true it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from chat_app.records import Box, Source, Statement

# A sentence ends at a line's end, or at . ! ? followed by white space ...
END = re.compile(r"\s*\n\s*|(?<=[.!?])[\"')\]]*\s+")
# ... but not after these, nor after one of the second kind that a number follows, nor after a list's number.
NEVER_ENDS = re.compile(r"(?:^|[\s(])(?:dr|mr|mrs|ms|prof|e\.g|i\.e|vs|cf|approx|resp)\.$", re.IGNORECASE)
COUNTS = re.compile(r"(?:^|[\s(])(?:no|fig|figs|max|min|vol|ca)\.$", re.IGNORECASE)
LISTED = re.compile(r"(?:^|\n)\s*\d{1,2}\.$")

NUMBER = re.compile(r"\[(\d+)\]")
# "[P1]" is a passage (citations.py).
ONLY_NUMBERS = re.compile(r"(?:\s*\[P?\d+\][.,]?)+")


def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a text, stripped, in order; numbers that stand alone join the sentence before."""
    found: list[str] = []
    for start, end in spans(text):
        sentence = text[start:end].strip()
        if found and ONLY_NUMBERS.fullmatch(sentence):
            found[-1] += f" {sentence}"
        elif sentence:
            found.append(sentence)
    return tuple(found)


def unfinished(text: str) -> str:
    """What stands after the last complete sentence: the sentence being written when the text breaks off."""
    *_, (start, end) = spans(text)
    return text[start:end]


def said(text: str, boxes: Sequence[Box], images: Sequence[str]) -> tuple[Statement, ...]:
    """What the model wrote about `images`; "[1]" in a sentence stands for boxes[0].

    A sentence with boxes was seen in the pictures they lie in. With no picture at all it rests on nothing.
    """
    return tuple(_said(sentence, boxes, images) for sentence in sentences(text))


def told(text: str, basis: str = "told by you") -> tuple[Statement, ...]:
    """What the user wrote: a statement a line, as it was written."""
    lines = (line.strip() for line in text.splitlines())
    return tuple(Statement(line, Source.TOLD, basis) for line in lines if line)


def from_file(text: str, images: Sequence[str] = ()) -> tuple[Statement, ...]:
    """What the pictures' files state."""
    basis = f"stated by the file of {listed(images)}" if images else "stated by the file"
    return tuple(Statement(sentence, Source.FILE, basis) for sentence in sentences(text))


def fixed(text: str) -> tuple[Statement, ...]:
    """What the program itself says: refusals and "Not provided."."""
    return tuple(Statement(sentence, Source.TEMPLATE, "fixed wording") for sentence in sentences(text))


def computed(text: str, basis: str) -> tuple[Statement, ...]:
    """What the program worked out from what is already there."""
    return tuple(Statement(sentence, Source.COMPUTED, basis) for sentence in sentences(text))


def listed(names: Sequence[str]) -> str:
    """Names as running text: "image 1, image 2 and image 3"."""
    return " and ".join(part for part in (", ".join(names[:-1]), "".join(names[-1:])) if part)


def _said(sentence: str, boxes: Sequence[Box], images: Sequence[str]) -> Statement:
    numbers = dict.fromkeys(int(number) for number in NUMBER.findall(sentence))
    shown = tuple(boxes[number - 1] for number in numbers if 1 <= number <= len(boxes))
    names = tuple(dict.fromkeys(box.image for box in shown if box.image)) or tuple(images)
    if not names:
        return Statement(sentence, Source.UNSUPPORTED, "rests on nothing", shown)
    return Statement(sentence, Source.SEEN, f"seen in {listed(names)}", shown)


def spans(text: str) -> Iterator[tuple[int, int]]:
    """From and to of each sentence, the white space after it included."""
    start = 0
    for end in END.finditer(text):
        if _ends(text[start : end.start()], end.group(), text[end.end() : end.end() + 1]):
            yield start, end.end()
            start = end.end()
    yield start, len(text)


def _ends(before: str, gap: str, following: str) -> bool:
    if "\n" in gap:
        return True
    if NEVER_ENDS.search(before) or LISTED.search(before):
        return False
    return not (COUNTS.search(before) and following.isdigit())
