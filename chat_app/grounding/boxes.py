"""Boxes a model writes, from its own grid to pixels of the original picture and back.

The one place where grids and views are mapped. It knows how a box is written, not whether it is right.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from chat_app.grounding.statements import sentences, unfinished
from chat_app.records import Box, View

Corners = tuple[float, float, float, float]


@dataclass(frozen=True)
class Format:
    """How a model writes a box.

    run: finds every run of its tokens, whole or not. whole: reads the four numbers of a whole one. held: a
    tail that more text could turn into a run or add to one; every beginning of what it matches it matches
    too. broken: a tail that is a token cut short. bins: the grid's size; the centre of bin k lies at
    (k + 0.5) / bins of the view's side.
    """

    run: re.Pattern[str]
    whole: re.Pattern[str]
    held: re.Pattern[str]
    broken: re.Pattern[str]
    bins: int


_CORNER = r"<[xy]\d+>"
_OPEN = rf"(?:<box>|{_CORNER})(?:\s*{_CORNER})*"
_CUT = r"(?:/?b(?:ox?)?|/|[xy]\d*)"

# By the `boxes` of a contract: "grid100" is <box><x12><y30><x45><y60></box>.
FORMATS = {
    "grid100": Format(
        run=re.compile(rf"[ \t]*(?:{_OPEN}(?:\s*</box>)?|</box>)"),
        whole=re.compile(r"\s*<box>\s*<x(\d{1,4})>\s*<y(\d{1,4})>\s*<x(\d{1,4})>\s*<y(\d{1,4})>\s*</box>"),
        held=re.compile(rf"\s*(?:{_OPEN}\s*)?(?:<{_CUT}?)?\Z"),
        broken=re.compile(rf"<{_CUT}\Z"),
        bins=100,
    )
}

PICTURE = re.compile(r"\bimage \d+\b(?:, (?:slice|frame) \d+\b)?", re.IGNORECASE)
# From which share of its area on one rectangle is said to lie in another: a hand is not steadier than this.
INSIDE = 0.8
OPENING = re.compile(r".*\b(?:there (?:is|are|was|were)|i see)\b", re.IGNORECASE | re.DOTALL)
LEADING = re.compile(r"(?:\W*\b(?:an?|and|also|in|its?|of|on|th(?:e|is|at|ese|ose)|yes)\b)+", re.IGNORECASE)
ENDING = re.compile(
    r"\b(?:and|appears?|are|at|can|has|here|in|is|lies|located|measuring|on|over|projecting|seen|shows|that|there|"
    r"was|were|which|with)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Parsed:
    """Readable text in which "[1]" stands for boxes[0]; `refused` counts what was written but is no box."""

    text: str
    boxes: tuple[Box, ...] = ()
    refused: int = 0

    @property
    def warnings(self) -> tuple[str, ...]:
        if not self.refused:
            return ()
        what = "1 box" if self.refused == 1 else f"{self.refused} boxes"
        return (f"The model wrote {what} that cannot be drawn: left out.",)


def parse(text: str, views: Sequence[View], images: Sequence[str], form: str = "grid100") -> Parsed:
    """The text with each valid box replaced by its number, and the boxes in pixels of the originals.

    A box belongs to the picture its sentence names before it, else to the only one of `images`. Removed and
    counted is one that is incomplete, out of order, outside the grid, wholly in the padding, or of a picture
    that was not shown. form: the contract's `boxes`; "" for a model that writes none.
    """
    if not form:
        return Parsed(text.strip())
    grid = FORMATS[form]
    shown = {view.image: view for view in views}
    written, boxes, refused, end = "", list[Box](), 0, 0
    for run in grid.run.finditer(text):
        written += _spaced(text[end : run.start()])
        end = run.end()
        sentence = _sentence(text[: run.start()])
        view = shown.get(_picture(sentence, images))
        corners = _corners(run.group(), grid, view) if view else None
        if view is None or corners is None:
            refused += 1
            continue
        boxes.append(Box(*corners, label=_label(sentence, grid), image=view.image))
        written += f" [{len(boxes)}]" if written[-1:].strip("([") else f"[{len(boxes)}]"
    rest, broken = grid.broken.subn("", _spaced(text[end:]))
    return Parsed((written + rest).strip(), tuple(boxes), refused + broken)


def readable(text: str, views: Sequence[View], images: Sequence[str], form: str = "grid100") -> str:
    """What can be shown of a text still being written: no part of a box's tokens, and nothing to take back.

    What is returned for a longer text, and parse()'s text of the whole, begin with what is returned here.
    """
    if not form:
        return text.strip()
    held = FORMATS[form].held.search(text)
    return parse(text[: held.start()] if held else text, views, images, form).text


def to_grid(box: Box, view: View, form: str = "grid100") -> str:
    """The box as the model writes it: each corner in the bin it falls into, the last bin for the far edge."""
    bins, (rows, columns) = FORMATS[form].bins, view.pixels.shape[:2]
    x = (int((view.left + v / view.columns * view.width) / columns * bins) for v in (box.x0, box.x1))
    y = (int((view.top + v / view.rows * view.height) / rows * bins) for v in (box.y0, box.y1))
    (x0, x1), (y0, y1) = (tuple(min(max(k, 0), bins - 1) for k in axis) for axis in (x, y))
    return f"<box><x{x0}><y{y0}><x{x1}><y{y1}></box>"


def in_words(box: Box, view: View) -> str:
    """Where the box lies, for a model that writes no boxes: in hundredths from the upper left."""
    x0, x1 = (round(100 * x / view.columns) for x in (box.x0, box.x1))
    y0, y1 = (round(100 * y / view.rows) for y in (box.y0, box.y1))
    return f"{x0}-{x1} % from the left, {y0}-{y1} % from the top"


def related(region: Box, boxes: Sequence[Box]) -> str:
    """How the boxes on its picture lie to a region drawn by hand, a sentence each; "[1]" is boxes[0]."""
    numbered = [(number, box) for number, box in enumerate(boxes, 1) if box.image == region.image]
    return " ".join(_relation(region, box, number) for number, box in numbered)


def _relation(region: Box, box: Box, number: int) -> str:
    across = max(0.0, min(region.x1, box.x1) - max(region.x0, box.x0))
    down = max(0.0, min(region.y1, box.y1) - max(region.y0, box.y0))
    common = across * down
    if common == 0:
        return f"The region you drew does not touch [{number}]."
    if common >= INSIDE * _area(region):
        return f"The region you drew lies in [{number}]."
    if common >= INSIDE * _area(box):
        return f"[{number}] lies in the region you drew."
    return f"The region you drew overlaps [{number}] in part."


def _area(box: Box) -> float:
    return (box.x1 - box.x0) * (box.y1 - box.y0)


def _corners(run: str, grid: Format, view: View) -> Corners | None:
    """The corners in pixels of the original, clipped to it; None when they make no rectangle there."""
    whole = grid.whole.fullmatch(run)
    if whole is None:
        return None
    x0, y0, x1, y1 = (int(number) for number in whole.groups())
    if not (x0 <= x1 < grid.bins and y0 <= y1 < grid.bins):
        return None
    rows, columns = view.pixels.shape[:2]
    across = [_original(v * columns, view.left, view.width, view.columns) for v in _ends(x0, x1, grid.bins)]
    down = [_original(v * rows, view.top, view.height, view.rows) for v in _ends(y0, y1, grid.bins)]
    if across[0] >= across[1] or down[0] >= down[1]:
        return None
    return (across[0], down[0], across[1], down[1])


def _spaced(following: str) -> str:
    """What follows a run, never glued to what came before it (the text's own beginning is stripped later)."""
    return f" {following}" if following[:1].isalnum() else following


def _ends(low: int, high: int, bins: int) -> tuple[float, float]:
    """Two bins as shares of the side: their centres, or the one bin's own edges when they are the same."""
    if low == high:
        return low / bins, (low + 1) / bins
    return (low + 0.5) / bins, (high + 0.5) / bins


def _original(value: float, start: float, extent: float, size: int) -> float:
    return min(max((value - start) / extent, 0.0), 1.0) * size


def _sentence(before: str) -> str:
    """The sentence a box stands in, up to the box; the one before it when the box stands alone."""
    return unfinished(before).strip() or "".join(sentences(before)[-1:])


def _picture(sentence: str, images: Sequence[str]) -> str:
    """The one of `images` that the sentence names last; one slice of a picture may be called by the whole."""
    named = PICTURE.findall(sentence)
    if not named:
        return images[0] if len(images) == 1 else ""
    last = str(named[-1]).lower()
    slices = [name for name in images if name.startswith(f"{last}, ")]
    return slices[0] if len(slices) == 1 else last


def _label(sentence: str, grid: Format) -> str:
    """The nearest words before the box that name a thing: "The tumour is here:" gives "tumour"."""
    for piece in reversed(re.split(r"[,;:.!?]", grid.run.sub(",", sentence))):
        phrase = OPENING.sub("", PICTURE.sub("", piece))
        begin = LEADING.match(phrase)
        named = ENDING.split(phrase[begin.end() if begin else 0 :])[0].strip(" \n-")
        if named:
            return _lowered(named)
    return ""


def _lowered(phrase: str) -> str:
    """Without the capital of a sentence's beginning; "WBC" stays as it is."""
    first, space, rest = phrase.partition(" ")
    return (first.lower() if first[1:].islower() else first) + space + rest


def renumbered(text: str, after: int) -> str:
    """The text with its box numbers counted on from `after`: "[1]" becomes "[3]" after two boxes."""
    return re.sub(r"\[(\d+)\]", lambda number: f"[{int(number[1]) + after}]", text)
